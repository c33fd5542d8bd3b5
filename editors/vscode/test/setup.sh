#!/usr/bin/env bash
# Brings what the test in a real VS Code needs into a folder: code-server and playwright-core by
# npm; Chromium, ripgrep and libkrb5-dev by apt-get where they are missing. Run: setup.sh FOLDER
set -euo pipefail
folder="$(mkdir -p "$1" && cd "$1" && pwd)"
cd "$folder"
[ -f ready ] && exit 0
if ! command -v chromium > /dev/null || ! command -v rg > /dev/null; then
  apt-get install -y -q chromium ripgrep libkrb5-dev || {
    apt-get update -q && apt-get install -y -q chromium ripgrep libkrb5-dev
  }
fi
for program in node npm chromium rg g++ make; do
  command -v "$program" > /dev/null || { echo "setup.sh: there is no $program" >&2; exit 1; }
done
[ -f package.json ] || npm init -y > /dev/null
npm install --ignore-scripts --no-audit --no-fund code-server@4.100.3 playwright-core@1
npm rebuild argon2
cd node_modules/code-server/lib/vscode
npm install --omit=dev --ignore-scripts --no-audit --no-fund
for module in @vscode/spdlog native-watchdog node-pty kerberos @vscode/deviceid @parcel/watcher; do
  npm rebuild "$module" || true # node-pty is built, and says that it is not
done
(cd extensions && npm install --omit=dev --ignore-scripts --no-audit --no-fund)
mkdir -p node_modules/@vscode/ripgrep/bin
ln -sf "$(command -v rg)" node_modules/@vscode/ripgrep/bin/rg
ln -sfn node_modules node_modules.asar
(cd bin/remote-cli && ln -sf code-linux.sh code-server)
(cd bin/helpers && ln -sf browser-linux.sh browser.sh)
touch "$folder/ready"
