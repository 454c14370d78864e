{{- define "podinfo.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "podinfo.selector" -}}
app.kubernetes.io/name: {{ include "podinfo.name" . }}
{{- end -}}

{{- define "podinfo.labels" -}}
{{ include "podinfo.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "podinfo.serviceAccount" -}}
{{- if .Values.serviceAccount.enabled -}}
{{- default (include "podinfo.name" .) .Values.serviceAccount.name -}}
{{- else -}}
default
{{- end -}}
{{- end -}}
