//! Whoever reaches the admin port takes neither it nor the program's memory: with 1,500
//! connections that ask nothing whole, of which some send far more than a request has,
//! the kubelet's probe is answered.

use anyhow::{Context, Result, ensure};
use rig::{Cluster, Installed, secs, wait_until};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const IDLE: usize = 1_100;
const GREEDY: usize = 400;
/// Of a header, which is never finished.
const HALF: usize = 390 << 10;
/// More than what the program may take for all of them together: without limits it is
/// more than 100 MiB.
const MUCH: u64 = 16 << 20;

/// Bytes that the process holds.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("no VmRSS")?.parse::<u64>()? << 10)
}

#[tokio::test]
async fn a_crowd_at_the_port_takes_neither_it_nor_memory() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "crowd").await?;
    let tidings = lab.controller(&[]).await?;
    let address = tidings.url().replace("http://", "");
    let before = resident(tidings.pid())?;

    let half = format!("GET /livez HTTP/1.1\r\nX: {}", "a".repeat(HALF));
    let mut held = Vec::new();
    for i in 0..IDLE + GREEDY {
        let mut stream = TcpStream::connect(&address).await?;
        let sends = if i < IDLE { "GET /livez" } else { &half };
        // It may be cut off before all is sent.
        let _ = stream.write_all(sends.as_bytes()).await;
        held.push(stream);
        if i % 100 == 0 {
            let (status, _) = tidings.get("/livez").await?;
            ensure!(status == 200, "{status} beside {i} connections");
        }
    }
    let taken = resident(tidings.pid())?.saturating_sub(before);
    ensure!(taken < MUCH, "{taken} bytes");
    wait_until("the probe to be answered", secs(30), async || {
        ensure!(tidings.get("/livez").await?.0 == 200, "it is not");
        Ok(())
    })
    .await
}
