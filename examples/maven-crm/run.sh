#!/bin/sh
# Brings the Maven CRM data into a cluster that runs.
#
#     run.sh SHARED_DATA [OUT]
#
# GUANXI names the program; GUANXI_DATA_DIR, GUANXI_PORT_BASE, GUANXI_ENDPOINT, GUANXI_PRODUCT_CATALOG, GUANXI_OPPORTUNITY_PIPELINE and
# GUANXI_TOKEN say which cluster.
set -eu

shared=${1:?usage: run.sh SHARED_DATA [OUT]}
out=${2:-$(mktemp -d)}
guanxi=${GUANXI:-guanxi}
here=$(dirname "$0")
data=$shared/maven-crm

# Exit code 2 says that some rows were rejected: each was named, so go on.
bring() {
    "$guanxi" import "$@" || test $? -eq 2
}

make() {
    "$guanxi" call "$@" --skip-existing >>"$out/answers.jsonl"
}

python3 "$here/prepare.py" "$shared" "$out"
bring territory "$out/territories.csv"
make AccountManagerService/CreateAccountManager "$out/managers.jsonl"
bring account "$data/accounts.csv" --map "$out/accounts.toml"
make CategoryService/CreateCategory "$here/category.jsonl"
bring price "$data/products.csv" --map "$out/products.toml"
make PipelineService/CreatePipeline "$here/pipeline.jsonl"
bring opportunity "$data/sales_pipeline.csv" --map "$out/opportunities.toml" --rejected "$out/rejected.csv"
