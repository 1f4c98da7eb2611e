//! What may go wrong between a controller and the API server: a row each.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::secs;
use tokio::time::sleep;

/// One thing that goes wrong for a time.
#[derive(Clone, Debug)]
pub(crate) struct Stroke {
    pub(crate) words: String,
    trouble: Trouble,
    /// Whether all connections are cut when it begins, so that watches meet it.
    cuts: bool,
    lasts: Duration,
}

#[derive(Clone, Debug)]
enum Trouble {
    /// Single requests.
    Requests(Fault),
    /// All connections.
    Connections(Door),
}

#[derive(Clone, Copy, Debug)]
enum Door {
    Refuse,
    Freeze,
    Cut,
}

type Made = fn(&mut Rng) -> Fault;

/// How requests are disturbed.
const FAULTS: &[(&str, Made)] = &[
    ("401", |_| Fault::status(401)),
    ("403", |_| Fault::status(403)),
    ("404", |_| Fault::status(404)),
    ("409", |_| Fault::status(409)),
    // What etcd has forgotten does not come back: of the past that is no fault of a moment.
    ("410", |_| {
        Fault::status(410).except("resourceVersionMatch=Exact")
    }),
    ("422", |_| Fault::status(422)),
    ("429", |_| Fault::status(429)),
    ("Retry-After", |dice| Fault::busy(dice.u64(1..=5))),
    ("500", |_| Fault::status(500)),
    ("502", |_| Fault::status(502)),
    ("503", |_| Fault::status(503)),
    ("504", |_| Fault::status(504)),
    ("HTML", |_| Fault::say("<html><body>Sign in</body></html>")),
    ("nothing", |_| Fault::say("")),
    ("half a line", |_| {
        Fault::say("{\"type\":\"MODIFIED\",\"obj")
    }),
    ("silence", |_| Fault::silence()),
    ("a cut", |dice| Fault::cut(dice.usize(0..8_000))),
    ("a lost answer", |_| Fault::lose_answer()),
    ("a late answer", |dice| {
        Fault::answer_late(secs(dice.u64(1..=12)))
    }),
    ("an older answer", |_| Fault::older()),
    ("a list without web-0", |_| Fault::without("web-0")),
    ("a list without app-1", |_| Fault::without("app-1")),
    ("5 s", |_| Fault::delay(secs(5))),
    ("a hang", |_| Fault::delay(secs(90))),
];

/// Which requests: their method and their path.
const TARGETS: &[(&str, &str, &str)] = &[
    ("any", "*", ""),
    ("what is read", "GET", ""),
    ("what is patched", "PATCH", ""),
    ("lists", "GET", "limit="),
    ("watches", "GET", "watch=true"),
    (
        "watches of sources",
        "GET",
        "/(configmaps|secrets)\\?.*watch=true",
    ),
    ("the Lease", "*", "/leases"),
    (
        "patches of workloads",
        "PATCH",
        "/(deployments|statefulsets)/",
    ),
    ("workloads read", "GET", "/(deployments|statefulsets)/"),
    ("sources read", "GET", "/(configmaps|secrets)/app"),
    ("records", "*", "/secrets/tidings-state"),
    ("records written", "PATCH", "/secrets/tidings-state"),
    ("Events", "*", "/events"),
];

/// What happens to all connections at once.
const DOORS: &[(&str, Door)] = &[
    ("connections refused", Door::Refuse),
    ("connections frozen", Door::Freeze),
    ("connections cut", Door::Cut),
];

/// Of so many strokes one is of connections.
const ONE_IN: usize = 6;
/// Of so many strokes one lasts to the end of the life.
const ENDLESS: usize = 12;

impl Stroke {
    /// One that lasts no longer than this.
    pub(crate) fn draw(dice: &mut Rng, longest: Duration) -> Self {
        let lasts = match dice.usize(..ENDLESS) {
            0 => longest,
            _ => Duration::from_millis(dice.u64(500..15_000)).min(longest),
        };
        let (words, trouble) = if dice.usize(..ONE_IN) == 0 {
            let (words, door) = DOORS[dice.usize(..DOORS.len())];
            (words.to_owned(), Trouble::Connections(door))
        } else {
            requests(dice)
        };
        let cuts = dice.bool();
        let and = if cuts { " after a cut" } else { "" };
        Self {
            words: format!("{words}{and}, {:.1} s", lasts.as_secs_f32()),
            trouble,
            cuts,
            lasts,
        }
    }

    pub(crate) fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Strikes for its time; gives how often it did.
    pub(crate) async fn strike(&self, proxy: &Proxy<'_>) -> Result<usize> {
        match &self.trouble {
            Trouble::Requests(fault) => {
                let fault = proxy.inject(fault.clone())?;
                if self.cuts {
                    proxy.cut();
                }
                sleep(self.lasts).await;
                fault.withdraw();
                Ok(fault.hits())
            }
            Trouble::Connections(door) => {
                door.strike(proxy);
                sleep(self.lasts).await;
                proxy.restore();
                Ok(1)
            }
        }
    }
}

fn requests(dice: &mut Rng) -> (String, Trouble) {
    let (fault, made) = FAULTS[dice.usize(..FAULTS.len())];
    let (target, method, path) = TARGETS[dice.usize(..TARGETS.len())];
    let one_in = [1, 1, 2, 4][dice.usize(..4)];
    let struck = made(dice).on(method, path).one_in(one_in);
    let words = format!("{fault} for {target}, one in {one_in}");
    (words, Trouble::Requests(struck))
}

impl Door {
    fn strike(self, proxy: &Proxy<'_>) {
        match self {
            Self::Refuse => proxy.refuse(),
            Self::Freeze => proxy.freeze(),
            Self::Cut => proxy.cut(),
        }
    }
}
