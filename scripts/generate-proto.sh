#!/usr/bin/env bash
# Runs protoc with nanopb and with our own generator: generate-proto.sh PROTOC PROTOC_GEN_NANOPB OUT_DIR
# Writes into a scratch directory first and replaces only the files that differ.
set -euo pipefail

protoc=$1 gen_nanopb=$2 out=$3
root=$(cd "$(dirname "$0")/.." && pwd)
scratch="$out/.scratch"
rm -rf "$scratch"
mkdir -p "$scratch/files"
cd "$root"
export PYTHONDONTWRITEBYTECODE=1

protos=() messages=()
for file in proto/integration/v1/*.proto; do
    protos+=("$file")
    [[ $file == */options.proto ]] || messages+=("$file")
done

# -x keeps the include of options.pb.h out of the headers; an .options line that matches no field is an error.
"$protoc" -I proto -I /usr/include --plugin=protoc-gen-nanopb="$gen_nanopb" \
    --nanopb_opt="-q,-Iproto,-xintegration/v1/options.proto,--error-on-unmatched" \
    --nanopb_out="$scratch/files" "${messages[@]}"

generator=proto/tools/protoc-gen-integration
if [[ -f $generator ]]; then
    # A python3 earlier on PATH may lack google.protobuf; Debian's has it.
    printf '#!/bin/sh\nexec /usr/bin/python3 "%s/%s" "$@"\n' "$root" "$generator" > "$scratch/plugin"
    chmod +x "$scratch/plugin"
    "$protoc" -I proto -I /usr/include --plugin=protoc-gen-integration="$scratch/plugin" \
        --integration_out="$scratch/files" "${protos[@]}"
fi

cd "$scratch/files"
find . -type f | while read -r file; do
    if ! cmp -s "$file" "$out/$file"; then
        mkdir -p "$out/$(dirname "$file")"
        mv "$file" "$out/$file"
    fi
done
rm -rf "$scratch"
