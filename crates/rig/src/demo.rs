//! The demo: a real control plane, one Deployment, two ConfigMaps, and what
//! Tidings makes of their changes.
//!
//! In: nothing but this machine. Out: text for a person, or an error that says
//! what did not happen. All that it starts ends with it.

mod acts;
mod dashboard;
mod hot;
mod in_place;
mod moments;
mod objects;
mod on_node;
mod page;
mod people;
mod scene;
mod sight;
mod transcript;
mod witness;

use anyhow::Result;

use self::acts::{Change, Effect};
pub use self::dashboard::show_dashboard;
pub use self::hot::show_hot;
pub use self::in_place::show_in_place;
use self::page::Page;
use self::scene::Scene;
pub use self::transcript::prints_what_the_page_shows;

/// What is changed, in this order, while the controller runs.
const CHANGES: &[Change] = &[
    Change {
        title: "A key that it mounts changes",
        source: "configmap/nginx-config",
        patch: r#"{"data":{"nginx.conf":"events {}\nhttp { keepalive_timeout 30; }\n"}}"#,
        effect: Effect::Rolls("configmap/nginx-config (nginx.conf)"),
    },
    Change {
        title: "A label of the ConfigMap changes",
        source: "configmap/nginx-config",
        patch: r#"{"metadata":{"labels":{"team":"web"}}}"#,
        effect: Effect::Nothing,
    },
    Change {
        title: "A key that nothing mounts changes",
        source: "configmap/nginx-config",
        patch: r#"{"data":{"notes.txt":"nobody reads this"}}"#,
        effect: Effect::Nothing,
    },
    Change {
        title: "A variable that it takes by envFrom changes",
        source: "configmap/demo-config",
        patch: r#"{"data":{"LOG_LEVEL":"debug"}}"#,
        effect: Effect::Rolls("configmap/demo-config (LOG_LEVEL)"),
    },
];

/// What is changed while the controller is down.
const MISSED: Change = Change {
    title: "A change while the controller is down",
    source: "configmap/demo-config",
    patch: r#"{"data":{"GREETING":"good evening"}}"#,
    effect: Effect::Rolls("configmap/demo-config (GREETING)"),
};

/// Shows everything; with `stay`, keeps it all up afterwards until an interrupt.
pub async fn show(stay: bool) -> Result<()> {
    let page = Page::stdout();
    page.title("Tidings: a changed ConfigMap rolls the Deployment that uses it");
    let mut scene = Scene::set(&page).await?;
    let started = std::time::Instant::now();
    acts::apply(&page, &scene).await?;
    acts::start_controller(&page, &mut scene).await?;
    acts::why(&page, &scene).await?;
    for (number, change) in CHANGES.iter().enumerate() {
        acts::change(&page, &scene, change, number == 0).await?;
    }
    acts::missed(&page, &mut scene, &MISSED).await?;
    acts::summary(&page, &scene, started.elapsed()).await?;
    end(&page, scene, stay).await
}

/// Shows what the reading commands see, before and after Tidings is installed.
pub async fn show_sight(stay: bool) -> Result<()> {
    let page = Page::stdout();
    page.title("Tidings: what is stale, what would restart, and why");
    let mut scene = Scene::set(&page).await?;
    let folder = tempfile::tempdir()?;
    sight::play(&page, &mut scene, folder.path()).await?;
    end(&page, scene, stay).await
}

/// Shows what people in charge decide about the rolls of a workload.
pub async fn show_people(stay: bool) -> Result<()> {
    let page = Page::stdout();
    page.title("Tidings: people in charge of what is rolled");
    let mut scene = Scene::set(&page).await?;
    let folder = tempfile::tempdir()?;
    people::play(&page, &mut scene, folder.path()).await?;
    end(&page, scene, stay).await
}

async fn end(page: &Page, scene: Scene, stay: bool) -> Result<()> {
    if stay {
        page.say(&scene.how_to_look());
        std::future::pending::<()>().await;
    }
    scene.end().await
}
