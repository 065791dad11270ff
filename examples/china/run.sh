#!/bin/sh
# Brings the divisions of China and the companies of the Shenzhen exchange into a cluster that runs.
#
#     run.sh SHARED_DATA [OUT]
#
# GUANXI names the program; GUANXI_DATA_DIR, GUANXI_PORT_BASE, GUANXI_ENDPOINT and GUANXI_TOKEN say which cluster.
set -eu

shared=${1:?usage: run.sh SHARED_DATA [OUT]}
out=${2:-$(mktemp -d)}
guanxi=${GUANXI:-guanxi}

# Exit code 2 says that some rows were rejected: each was named, so go on.
bring() {
    "$guanxi" import "$@" || test $? -eq 2
}

python3 "$(dirname "$0")/prepare.py" "$shared" "$out"
bring territory "$out/territories.csv" --map "$out/territories.toml" --rejected "$out/territories-rejected.csv"
bring account "$shared"/cn-companies/szse-a-shares-*.csv --map "$out/companies.toml" --rejected "$out/companies-rejected.csv"
