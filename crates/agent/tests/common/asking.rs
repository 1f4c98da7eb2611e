//! A pod's volumes, written by the kubelet's own code, an agent that may be asked, and
//! whoever asks: as the controller does, with a new token where the last is refused.

use super::{Kubelet, Running, agent, free_port, get, lines, until};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tidings_wire::digest::{Digest, Source};
use tidings_wire::holds::{Answer, FileAsked, PATH, Question, Standing, TOKEN_HEADER, Wanted};

pub const APP: &str = "configmap/shop/app";

pub struct Pod {
    root: tempfile::TempDir,
    poke: Kubelet,
    number: u64,
}

impl Pod {
    /// With a poke file that is empty, as where the pod has no such annotation.
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in ["poke", "memory"] {
            fs::create_dir(root.path().join(dir)).unwrap();
        }
        let poke = Kubelet::new(&root.path().join("poke"));
        let mut pod = Self {
            root,
            poke,
            number: 0,
        };
        pod.write_poke("");
        pod
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn volume(&self, name: &str, files: &[(&str, &str)]) -> Kubelet {
        fs::create_dir(self.path(name)).unwrap();
        let mut kubelet = Kubelet::new(&self.path(name));
        write(&mut kubelet, files);
        kubelet
    }

    fn write_poke(&mut self, text: &str) {
        write(&mut self.poke, &[("poke", text)]);
    }

    /// Another token, which is not there yet.
    pub fn next_token(&mut self) -> (String, String) {
        self.number += 1;
        let token = format!("{:032x}", 0x5ec2_e700 + self.number);
        (format!("{}-k7f2 {token}", self.number), token)
    }

    /// A token that is there.
    pub fn token(&mut self) -> String {
        let (text, token) = self.next_token();
        self.write_poke(&text);
        token
    }

    /// An agent that watches these, has a memory, and adds a line to `acts` for each
    /// change that it acts on.
    pub fn agent(&self, watched: &[&str], options: &[&str]) -> Asked {
        let acts = format!("--exec=sh -c 'echo act >> {}'", self.text("acts"));
        let proof = format!("--prove=succeeds=test -e {}", self.text("proves"));
        self.bare_agent(
            watched,
            &[&[acts.as_str(), proof.as_str()], options].concat(),
        )
    }

    /// The same without a way to act.
    pub fn bare_agent(&self, watched: &[&str], options: &[&str]) -> Asked {
        fs::write(self.path("proves"), "").unwrap();
        let port = free_port();
        let mut arguments = vec!["watch".to_owned(), format!("--listen=127.0.0.1:{port}")];
        arguments.push(format!("--memory={}", self.text("memory")));
        arguments.push(format!("--poke-file={}", self.text("poke/poke")));
        arguments.extend(
            watched
                .iter()
                .map(|dir| format!("--watch={}", self.text(dir))),
        );
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Asked::of(agent(&arguments), port)
    }

    pub fn acts(&self) -> usize {
        lines(&self.path("acts"))
    }

    /// Whether the agent's memory says this.
    pub fn remembers(&self, text: &str) -> bool {
        let files = fs::read_dir(self.path("memory")).unwrap().flatten();
        // Beside it may lie what is still being written.
        let paths = files.map(|file| file.path());
        let kept = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
        let mut texts = kept.filter_map(|path| fs::read_to_string(path).ok());
        texts.any(|kept| kept.contains(text))
    }

    /// That this key of this source, with this value, is in that file.
    pub fn file(&self, path: &str, source: &str, key: &str, value: &str) -> FileAsked {
        let of = Source::parse(source).unwrap();
        let digest = Digest::of_key(of, key, value.as_bytes());
        self.asked(path, source, key, Wanted::Value(digest))
    }

    pub fn asked(&self, path: &str, source: &str, key: &str, digest: Wanted) -> FileAsked {
        FileAsked {
            path: self.text(path),
            source: source.into(),
            key: key.into(),
            digest,
        }
    }

    /// A key of `app` in the volume `cm`.
    pub fn app(&self, key: &str, value: &str) -> FileAsked {
        self.file(&format!("cm/{key}"), APP, key, value)
    }

    /// Asks with a token of its own.
    pub fn answer(&mut self, asked: &Asked, files: &[FileAsked]) -> Answer {
        let token = self.token();
        asked.answer(&token, files)
    }

    /// Asks until it is this, a hundred times with each token.
    pub fn comes_to(&mut self, asked: &Asked, files: &[FileAsked], outcome: Standing) -> Answer {
        let mut token = self.token();
        let mut last = None;
        until(&format!("{outcome:?} of {files:?}"), || {
            let (status, body) = asked.ask(&token, files);
            if status == 429 {
                token = self.token();
                return false;
            }
            assert_eq!(status, 200, "{body}\n{}", asked.agent.output());
            let answer: Answer = serde_json::from_str(&body).unwrap();
            let is_it = answer.outcome == outcome;
            last = Some(answer);
            is_it
        });
        last.unwrap()
    }
}

pub fn write(kubelet: &mut Kubelet, files: &[(&str, &str)]) {
    let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
    kubelet.write(&files.iter().map(owned).collect::<Vec<_>>());
}

/// An agent, and its port.
pub struct Asked {
    pub agent: Running,
    pub port: u16,
}

impl Asked {
    pub fn of(mut agent: Running, port: u16) -> Self {
        until("it answers", || {
            assert!(agent.runs(), "{}", agent.output());
            get(port, "/livez").is_some()
        });
        Self { agent, port }
    }

    /// The status and the body.
    pub fn ask(&self, token: &str, files: &[FileAsked]) -> (u16, String) {
        let files = files.to_vec();
        let body = serde_json::to_string(&Question { files }).unwrap();
        let length = body.len();
        let head = format!("{TOKEN_HEADER}: {token}\r\nContent-Length: {length}\r\n");
        self.request(&format!("POST {PATH}"), &head, &body)
    }

    pub fn answer(&self, token: &str, files: &[FileAsked]) -> Answer {
        let (status, body) = self.ask(token, files);
        assert_eq!(status, 200, "{body}\n{}", self.agent.output());
        serde_json::from_str(&body).unwrap()
    }

    /// Asks with one token, less and less often, until it is this.
    pub fn comes_to(&self, token: &str, files: &[FileAsked], outcome: Standing) {
        let mut pause = Duration::from_millis(10);
        until(&format!("{outcome:?} of {files:?}"), || {
            std::thread::sleep(pause);
            pause = (pause + pause / 10).min(Duration::from_secs(1));
            self.answer(token, files).outcome == outcome
        });
    }

    pub fn request(&self, line: &str, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: x\r\n{head}\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }
}

pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
