#!/bin/sh
# A night: run, keep, tell what changed, give out metrics. For cron, a timer or a CronJob; see examples/probe for these.
#
#   nightly.sh TARGET_FILE
#
# LLMAPI_CONFORMANCE_HISTORY  where the history is; reports/history.sqlite when it is not set
# ALERT_WEBHOOK               URL of a webhook, when there is one (a secret)
# ALERT_WEBHOOK_SECRET        what messages to it are signed with, when they shall be (a secret)
# METRICS                     a textfile of Prometheus' node exporter, when there is one
#
# Exit status of the alert: 0 nothing new, 10 something is worse, 11 news and nothing worse, 2 unusable or not delivered.
set -u

# The run's own status says what it found tonight; whether that is news is the alert's to say.
llmapi-conformance run --profile probe --target "$1" --history || true

if [ -n "${METRICS:-}" ]; then
  llmapi-conformance history metrics --output "$METRICS" || true
fi

set --
if [ -n "${ALERT_WEBHOOK:-}" ]; then
  set -- --webhook-env ALERT_WEBHOOK
  if [ -n "${ALERT_WEBHOOK_SECRET:-}" ]; then
    set -- "$@" --webhook-secret-env ALERT_WEBHOOK_SECRET
  fi
fi
exec llmapi-conformance history alert "$@"
