{{- define "evohub.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "evohub.selector" -}}
app.kubernetes.io/name: evohub
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "evohub.labels" -}}
{{ include "evohub.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* Nodes to find the others by. */}}
{{- define "evohub.join" -}}
{{- $name := include "evohub.name" . -}}
{{- $nodes := list -}}
{{- range $number := until (min 3 (int .Values.replicas) | int) -}}
{{- $nodes = append $nodes (printf "%s-%d.%s:7301" $name $number $name) -}}
{{- end -}}
{{- join "," $nodes -}}
{{- end -}}
