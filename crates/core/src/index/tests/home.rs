//! Whether everything is paused, as Tidings' own namespace says.

use super::*;
use crate::annotations::{Annotations, PAUSE};
use crate::approval::Pause;

const NAMESPACES: StreamOf = StreamOf::Namespaces;

/// A namespace, with this pause or none.
fn says(name: &str, pause: Option<&str>) -> Fact {
    let pause = pause.map(|pause| (PAUSE.to_owned(), pause.to_owned()));
    Fact::Namespace {
        name: name.into(),
        annotations: pause.into_iter().collect::<Annotations>(),
        left_out: false,
        since: None,
    }
}

/// What only tells of our own namespace.
fn own() -> Stream {
    Stream {
        of: NAMESPACES,
        namespace: Some("tidings".into()),
    }
}

/// `web` is in a namespace that is known; whether everything is paused is not.
fn with(streams: impl IntoIterator<Item = Stream>) -> Index {
    let of = [WORKLOADS, CONFIG_MAPS];
    let streams = of.map(stream).into_iter().chain(streams);
    let mut index = Index::new(Defaults::default(), streams).at_home("tidings".into());
    for of in of {
        complete(&mut index, of, 10);
    }
    index.apply_workload(opted_in("web", 11, "auto", &from(&["c"])), How::Event);
    index.apply(says("ns", None));
    index
}

#[test]
fn nothing_is_decided_before_it_is_known() {
    let mut index = with([stream(NAMESPACES)]);
    assert!(!index.ready(&web()));
    index.apply(Fact::ListBegan(stream(NAMESPACES)));
    index.apply(says("ns", None));
    let told = index.apply(says("tidings", Some("true"))).look;
    assert_eq!(told, [web()]);
    index.apply(Fact::ListEnded(stream(NAMESPACES), 12));
    assert!(index.ready(&web()));
    // It is told by itself where no watch may tell it; that it is not there is an answer.
    let mut alone = with([own()]);
    assert!(!alone.ready(&web()));
    alone.apply(Fact::ListBegan(own()));
    assert_eq!(alone.apply(Fact::ListEnded(own(), 0)).look, [web()]);
    assert!(alone.ready(&web()));
}

#[test]
fn its_word_concerns_every_workload() {
    let mut index = with([stream(NAMESPACES)]);
    assert_eq!(index.apply(says("tidings", Some("true"))).look, [web()]);
    assert_eq!(index.everything_paused(), Some(Pause::Open));
    assert!(index.apply(says("tidings", Some("true"))).look.is_empty());
    // What cannot be read errs on the side of waiting.
    index.apply(says("tidings", Some("perhaps")));
    assert_eq!(index.everything_paused(), Some(Pause::Open));
    assert_eq!(index.apply(says("tidings", None)).look, [web()]);
    assert_eq!(index.everything_paused(), None);
    index.apply(says("tidings", Some("until 1970-01-01T00:16:40Z")));
    assert_eq!(index.everything_paused(), Some(Pause::Until(1_000)));
    let gone = Fact::NamespaceGone("tidings".into());
    assert_eq!(index.apply(gone).look, [web()]);
    assert_eq!(index.everything_paused(), None);
}

/// A list that leaves it out says nothing of it.
#[test]
fn a_list_of_the_others_takes_nothing_away() {
    let mut index = with([stream(NAMESPACES), own()]);
    index.apply(says("tidings", Some("true")));
    complete(&mut index, NAMESPACES, 12);
    assert_eq!(index.everything_paused(), Some(Pause::Open));
    index.apply(Fact::ListBegan(own()));
    index.apply(Fact::ListEnded(own(), 0));
    assert_eq!(index.everything_paused(), None);
}
