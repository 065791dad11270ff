//! Compiles `proto/` without `protoc`, and refuses a method that does not say who may call it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, MessageDescriptor};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    proto_files(&root, &root, &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // These bytes keep the options; the prost value below drops them and serves code generation only.
    let encoded = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(encoded.as_slice())?;
    every_method_has_a_rule(&pool)?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("descriptor_set.bin"), encoded)?;
    fs::write(out.join("traits.rs"), personal(&pool)? + &requests(&pool))?;

    // Maps are sorted, so that equal messages have equal bytes: digests of requests depend on it.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names().btree_map(["."]).include_file("guanxi.rs");
    // A message may hold millions of empty rows before anybody counts them: they are to be small.
    config.boxed(".guanxi.client_registry.v1.ImportAccountRow.account");
    config.boxed(".guanxi.client_registry.v1.ImportTerritoryRow.territory");
    config.boxed(".guanxi.kpi.v1.ImportMeasurementRow.measurement");
    config.boxed(".guanxi.opportunity_pipeline.v1.ImportOpportunityRow.opportunity");
    config.boxed(".guanxi.product_catalog.v1.ImportPriceRow.price");
    tonic_prost_build::configure().compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

fn proto_files(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            proto_files(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(())
}

fn every_method_has_a_rule(pool: &DescriptorPool) -> Result<(), Box<dyn Error>> {
    let rule = pool.get_extension_by_name("guanxi.auth.v1.rule").ok_or("options.proto declares no rule")?;
    let without: Vec<String> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .filter(|method| !method.options().has_extension(&rule))
        .map(|method| method.full_name().to_owned())
        .collect();
    if without.is_empty() { Ok(()) } else { Err(format!("methods without (guanxi.auth.v1.rule): {without:?}").into()) }
}

/// `Personal` of every message with fields that carry `(guanxi.auth.v1.personal)`.
fn personal(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let option = pool.get_extension_by_name("guanxi.auth.v1.personal").ok_or("options.proto declares no personal")?;
    let mut code = String::new();
    for message in pool.all_messages() {
        let personal = message.fields().filter(|field| field.options().has_extension(&option));
        let fields: Vec<String> = personal.map(|field| format!("({0:?}, &mut self.{0})", field.name())).collect();
        if !fields.is_empty() {
            code += &format!(
                "impl Personal for {} {{ fn personal(&mut self) -> Vec<(&'static str, &mut String)> {{ vec![{}] }} }}\n",
                rust_path(&message),
                fields.join(", ")
            );
        }
    }
    Ok(code)
}

/// What requests of standard methods have in common, by the names of their fields.
fn requests(pool: &DescriptorPool) -> String {
    let mut code = String::new();
    for message in pool.all_messages() {
        let plain =
            |name: &str| message.get_field_by_name(name).is_some_and(|field| field.containing_oneof().is_none());
        let (has, path) = (plain, rust_path(&message));
        let text = |name: &str| format!("fn {name}(&self) -> &str {{ &self.{name} }} ");
        if has("request_id") {
            code += &format!("impl Repeatable for {path} {{ {}}}\n", text("request_id"));
        }
        if has("request_id") && has("id") && has("etag") {
            code += &format!("impl Verb for {path} {{ {}{}}}\n", text("id"), text("etag"));
        }
        if has("page_token") && has("filter") {
            let flag = |name: &str| {
                let value = if has(name) { format!("self.{name}") } else { "false".to_owned() };
                format!("fn {name}(&self) -> bool {{ {value} }} ")
            };
            code += &format!(
                "impl Paged for {path} {{ fn page_size(&self) -> i32 {{ self.page_size }} {}{}{}{}{}}}\n",
                text("page_token"),
                text("filter"),
                text("order_by"),
                flag("show_deleted"),
                flag("with_total")
            );
        }
    }
    code
}

fn rust_path(message: &MessageDescriptor) -> String {
    let path = message.full_name().replace('.', "::");
    format!("crate::{}", path.trim_start_matches("guanxi::"))
}
