#!/bin/sh
# Makes twgl.js and twgl.LICENSE beside this script anew, byte for byte, from npm: the map's WebGL, as one global `twgl`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/entry.js" "$work"
cd "$work"
npm install --no-save --no-audit --no-fund --ignore-scripts twgl.js@7.0.0 esbuild@0.28.2
node_modules/.bin/esbuild entry.js --bundle --minify --charset=utf8 --target=es2022 --legal-comments=inline \
  --format=iife --global-name=twgl --outfile="$here/twgl.js"
cp node_modules/twgl.js/LICENSE.md "$here/twgl.LICENSE"
