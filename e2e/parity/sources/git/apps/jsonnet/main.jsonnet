local names = import 'names.libsonnet';
function(replicas='1', tier=null) [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: names.config },
    data: { replicas: replicas, tier: std.toString(tier), region: std.extVar('region') },
  },
]
