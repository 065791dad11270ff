//! Imports that break off: whoever goes away, the same command goes on.

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::registry::{many, with_map};

#[tokio::test]
async fn a_killed_import_is_gone_on_with() {
    let registry = with_map().await;
    registry.file("many.csv", many(20_000));
    let arguments = ["import", "account", "many.csv", "--map", "boss.toml", "--json", "--batch", "100"];
    let mut process = registry.command(&arguments).spawn().unwrap();
    while registry.count().await.0 < 1_000 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let landed = registry.count().await.0;
    assert!(landed < 20_000, "{landed}");
    let said = registry.run(&arguments);
    let [created, _, _, repeated, _] = said.counts();
    // Of what was on its way something may have landed after it was counted.
    assert!(said.code == 0 && created + repeated == 20_000 && repeated >= u64::try_from(landed).unwrap(), "{said:?}");
    assert_eq!(registry.count().await, (20_000, 0));
}

#[tokio::test]
async fn a_service_may_go_and_come_back() {
    let mut registry = with_map().await;
    registry.file("many.csv", many(20_000));
    let arguments = ["import", "account", "many.csv", "--map", "boss.toml", "--json", "--batch", "100"];
    let mut process = registry.command(&arguments).spawn().unwrap();
    for landed in [1_000, 5_000] {
        while registry.count().await.0 < landed {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        registry.stop();
        tokio::time::sleep(Duration::from_millis(400)).await;
        registry.go_on();
    }
    let status = process.wait().unwrap();
    let mut out = String::new();
    process.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let counts: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(status.success(), "{out}");
    assert_eq!(counts["created"].as_u64().unwrap() + counts["repeated"].as_u64().unwrap(), 20_000, "{out}");
    assert_eq!(registry.count().await, (20_000, 0));

    // Gone for good: the operator is told how to go on.
    registry.file("more.csv", many(30_000));
    let mut process = registry
        .command(&["import", "account", "more.csv", "--map", "boss.toml", "--patience", "1", "--batch", "100"])
        .spawn()
        .unwrap();
    while registry.count().await.0 <= 20_000 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    registry.stop();
    assert_eq!(process.wait().unwrap().code(), Some(1));
    let mut err = String::new();
    process.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(err.contains("导入已中断") && err.contains("重新执行同一命令"), "{err}");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_taken_up_again() {
    let registry = with_map().await;
    let proxy = Proxy::start(registry.endpoint().trim_start_matches("http://").to_owned()).await;
    registry.file("many.csv", many(10_000));
    let arguments = ["import", "account", "many.csv", "--map", "boss.toml", "--json", "--batch", "100"];
    let mut command = registry.command_at(&proxy.endpoint(), &arguments);
    let process = command.spawn().unwrap();
    for landed in [500, 2_000, 4_000, 6_000] {
        while registry.count().await.0 < landed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        proxy.cut();
    }
    let output = tokio::task::spawn_blocking(|| process.wait_with_output()).await.unwrap().unwrap();
    let counts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(counts["created"].as_u64().unwrap() + counts["repeated"].as_u64().unwrap(), 10_000, "{counts}");
    assert_eq!(registry.count().await, (10_000, 0));
}

/// Stands between the command and the service, and breaks what goes through it.
struct Proxy {
    port: u16,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Proxy {
    async fn start(service: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<Mutex<Vec<AbortHandle>>>::default();
        let open = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut command, _)) = listener.accept().await {
                let service = service.clone();
                let connection = tokio::spawn(async move {
                    let mut service = TcpStream::connect(service).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut command, &mut service).await;
                });
                open.lock().unwrap().push(connection.abort_handle());
            }
        });
        Self { port, connections }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn cut(&self) {
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }
}
