//! Where a cluster of this machine is: its folder, its ports, its keys.

use std::path::PathBuf;

/// Flags that every command takes to find a cluster.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Place {
    /// Folder with the cluster's data and keys [default: /var/lib/guanxi/default for root, else ~/.local/share/guanxi]
    #[arg(long, env = "GUANXI_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// First of the cluster's ports: client-registry listens on it, later services on the ones after.
    #[arg(long, env = "GUANXI_PORT_BASE", default_value_t = 50051)]
    pub(crate) port_base: u16,
}
