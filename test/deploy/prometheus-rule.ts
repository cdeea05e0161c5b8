/**
 * The rules as the operator wants them: `deploy/prometheus/rules.yaml`, word for word, as the spec of a PrometheusRule.
 * Kustomize can put no file but one with a kind into a field, so the result is kept beside the overlay, and a test holds
 * it to its source.
 */

export function toPrometheusRule(rules: string): string {
  const indented = rules
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
  return `# Made from deploy/prometheus/rules.yaml; after a change there:
# npx vitest run -u --config test/vitest.config.ts test/deploy/kubernetes.test.ts
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: dora-exporter
spec:
${indented}
`;
}
