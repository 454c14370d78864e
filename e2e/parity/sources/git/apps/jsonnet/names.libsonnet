{ config: 'from-jsonnet' }
