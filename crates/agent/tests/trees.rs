//! Whatever tree somebody makes of a watched place, and of it afterwards: the
//! agent looks in time and within its memory, leads nowhere outside, and one bad
//! entry blinds nothing but itself and is named.
//!
//! Trees are drawn from a fixed seed; `PROPTEST_RNG_SEED` plays others.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed promise ends the test, and what it lacked is told"
)]

mod common;

use common::memory::{EXAMPLES, Limit};
use common::scene::{Scene, Watching, text};
use common::tree::{Change, Expected, Tree, changes, tree};
use common::{copy_program, get, shipped, until};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Of whom nothing on the machine is.
const NOBODY: &str = "65534";

/// So many trees; each is an agent of its own.
const TREES: u32 = 48;

/// One tree, and an agent before it.
struct Case {
    scene: Scene,
    limit: Limit,
    is_root: bool,
    tree: Tree,
    sentinel: usize,
}

impl Case {
    fn new(tree: Tree, is_root: bool) -> Self {
        let scene = Scene::new();
        fs::write(scene.path("secret"), "S3CRET").unwrap();
        fs::create_dir(scene.path("o")).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(scene.path("o"), open).unwrap();
        copy_program(&shipped(), &scene.path("agent"));
        tree.build(&scene.path("d"), is_root);
        Self {
            scene,
            limit: Limit::of(EXAMPLES),
            is_root,
            tree,
            sentinel: 100,
        }
    }

    fn command(&self) -> Command {
        let agent = self.scene.path("agent");
        if self.is_root {
            return self.limit.command(&agent);
        }
        let mut command = self.limit.command("setpriv".as_ref());
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        command.arg(agent);
        command
    }

    fn input(&self) -> PathBuf {
        self.tree.input(&self.scene.path("d"), self.is_root)
    }

    fn begin(&self) -> Watching {
        let (input, output) = (self.input(), self.scene.path("o/out"));
        let render = format!("{}={}", text(&input), text(&output));
        let options = ["--render", &render, "--exec", "true", "--at-start", "never"];
        self.scene.watch_by(&mut self.command(), &options)
    }

    /// What must be so before long.
    fn settles(&mut self, watching: &Watching) {
        self.sentinel += 1;
        let before = watching.agent.said("changed: a");
        fs::write(self.scene.path("d/a"), format!("{}", self.sentinel)).unwrap();
        watching.agent.says("changed: a", before + 1);
        let expected = Expected::of(&self.scene.path("d"), self.is_root);
        let mut lacked = Vec::new();
        until("all but the bad is watched, and that is named", || {
            let mount = &watching.state()["mounts"][0];
            assert!(expected.is_within(mount), "{mount}");
            let lacks = expected.lacks(mount);
            if lacks != lacked {
                println!("not yet: {lacks:?}");
                lacked.clone_from(&lacks);
            }
            lacks.is_empty()
        });
        self.holds(watching);
    }

    /// What must be so at any time.
    fn holds(&self, watching: &Watching) {
        assert_eq!(get(watching.port, "/livez").unwrap().0, 200);
        self.limit.held(watching.agent.pid());
        let output = fs::read(self.scene.path("o/out")).unwrap_or_default();
        let has_secret = |text: &[u8]| text.windows(6).any(|part| part == b"S3CRET");
        assert!(!has_secret(&output));
        assert!(!has_secret(watching.agent.output().as_bytes()));
    }

    /// What is rendered is what is there.
    fn renders(&self) {
        let content = Expected::content(&self.input(), self.is_root);
        let output = self.scene.path("o/out");
        if let Some(content) = content {
            until("it is rendered", || {
                fs::read(&output).is_ok_and(|out| out == content)
            });
        }
    }
}

/// The same trees each time, unless others are asked for.
fn seed() -> RngSeed {
    match ProptestConfig::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        chosen @ RngSeed::Fixed(_) => chosen,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 8,
        rng_seed: seed(),
        ..ProptestConfig::with_cases(TREES)
    })]

    #[test]
    fn any_tree_is_looked_at_in_time_and_within_its_place(
        tree in tree(), changes in changes(), is_root in any::<bool>(),
    ) {
        let mut case = Case::new(tree, is_root);
        let watching = case.begin();
        case.settles(&watching);
        case.renders();
        for change in &changes {
            Change::play(change, &case.scene.path("d"), case.is_root);
            case.settles(&watching);
        }
    }
}
