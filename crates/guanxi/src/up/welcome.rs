//! What to do with a cluster that has just started.

use std::error::Error;
use std::path::Path;

use super::database::Postgres;
use super::folder::Folder;
use super::process::Process;
use crate::cluster::Place;
use crate::service::Service;
use crate::terminal::say;

/// Long enough for a day's work with it.
const TOKEN_LIFE: time::Duration = time::Duration::hours(12);

/// Prints addresses, a token and calls to try. The calls work when typed as they stand.
pub(super) fn print(
    place: &Place,
    postgres: Option<&Postgres>,
    folder: &Folder,
    processes: &[Process],
    demo: bool,
) -> Result<(), Box<dyn Error>> {
    let mut lines = vec![String::new(), format!("Guanxi 关系 {} is up.", env!("CARGO_PKG_VERSION")), String::new()];
    for process in processes {
        let (name, address) = (process.service.name(), place.address(process.service));
        lines.push(format!("  {name:<20} http://{address}  logs to {}", process.log.path.display()));
    }
    lines.extend(postgres.map(|postgres| format!("  {:<20} {}", "Postgres", postgres.place())));
    lines.push(format!("  {:<20} {}", "data", folder.path.display()));
    lines.extend(
        ["", "A token of an administrator (管理员) of the whole tree, good for 12 hours:", ""].map(str::to_owned),
    );
    lines.push(format!("  export GUANXI_TOKEN={}", place.token(TOKEN_LIFE)?));
    lines.extend(["", "Then try, in another terminal:", ""].map(str::to_owned));
    lines.extend(calls(place, &folder.path, demo).into_iter().map(|call| format!("  {call}")));
    // Into a folder of its own: the Python of most distributions lets pip install nowhere else.
    lines.extend(
        [
            "",
            "Any gRPC client will do instead of buf, reflection is on. This brings buf:",
            "",
            "  python3 -m pip install --target ~/.local/buf buf-bin && PATH=$PATH:~/.local/buf/bin",
            "",
            "Ctrl-C stops everything; the data stays.",
        ]
        .map(str::to_owned),
    );
    say(&lines.join("\n"));
    Ok(())
}

fn calls(place: &Place, folder: &Path, demo: bool) -> [String; 5] {
    // As it was typed: a shell that found it once finds it again.
    let program = std::env::args().next().unwrap_or_else(|| "guanxi".to_owned());
    let default = Place { data_dir: None, ..place.clone() }.resolve().is_ok_and(|default| default == folder);
    let folder = if default { String::new() } else { format!(" --data-dir {}", quote(&folder.to_string_lossy())) };
    let (method, body) = if demo {
        ("client_registry.v1.AccountService/SearchAccounts", r#"{"query": "科技", "page_size": 3}"#)
    } else {
        ("auth.v1.IdentityService/WhoAmI", "{}")
    };
    let curl = |service, method, body| {
        format!(
            "buf curl --protocol grpc --http2-prior-knowledge -H \"authorization: Bearer $GUANXI_TOKEN\" -d '{body}' {}/guanxi.{method}",
            place.endpoint(service)
        )
    };
    let opportunities = "opportunity_pipeline.v1.OpportunityService/ListOpportunities";
    [
        format!("{program} status{folder}"),
        format!("{program} export account{folder}"),
        format!("{program} query won-value --by territory{folder}"),
        curl(Service::ClientRegistry, method, body),
        curl(Service::OpportunityPipeline, opportunities, r#"{"page_size": 3}"#),
    ]
}

/// Quotes for a shell where it takes that.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
