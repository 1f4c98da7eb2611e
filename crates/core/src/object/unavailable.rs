//! How many pods of a workload may be down at once, as its own controller takes it.
//!
//! A Deployment has it in `spec.strategy` and rounds a share of its pods down, a DaemonSet
//! in `spec.updateStrategy`, rounding a share of its nodes up (Kubernetes' API reference;
//! `ResolveFenceposts` and `UnavailableCount` of its controllers), a StatefulSet in the
//! same place and rounding down, a Rollout of Argo in `spec.strategy.canary`.

use serde_json::Value;

use super::Progress;

/// How many pods may be down of those that there should be, by what is written as
/// `maxUnavailable`. One at least: where none may be, pods beyond their number would come
/// first, and what is done to a pod that stands makes none.
pub(super) fn unavailable<'a>(told: impl Iterator<Item = &'a Value>, progress: Progress) -> u32 {
    let most = told.filter_map(|told| pods(told, progress)).max();
    most.unwrap_or(1).max(1)
}

/// A number, or a share such as `25%`. Whether the spec says how many pods there should be
/// tells those that round up from the others.
fn pods(told: &Value, progress: Progress) -> Option<u32> {
    if let Some(pods) = told.as_u64() {
        return u32::try_from(pods).ok();
    }
    let percent: u64 = told.as_str()?.strip_suffix('%')?.parse().ok()?;
    let hundredths = u64::from(progress.desired).checked_mul(percent)?;
    let pods = if progress.asked {
        hundredths / 100
    } else {
        hundredths.div_ceil(100)
    };
    u32::try_from(pods).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn of(told: &Value, desired: u32, asked: bool) -> u32 {
        let progress = Progress {
            desired,
            asked,
            ..Progress::default()
        };
        unavailable([told].into_iter(), progress)
    }

    #[rstest]
    #[case(json!(null), 10, 1)]
    #[case(json!(3), 10, 3)]
    #[case(json!(0), 10, 1)]
    #[case(json!("25%"), 3, 1)]
    #[case(json!("25%"), 11, 2)]
    #[case(json!("25"), 1_000, 1)]
    #[case(json!("-1%"), 1_000, 1)]
    #[case(json!("99999999999999999999%"), 1_000, 1)]
    #[case(json!("9999999999999999999%"), 1_000, 1)]
    #[case(json!(-1), 1_000, 1)]
    #[case(json!(4_294_967_296_u64), 1_000, 1)]
    #[case(json!({"a": 1}), 1_000, 1)]
    fn it_is_what_is_written_and_one_at_least(
        #[case] told: Value,
        #[case] pods: u32,
        #[case] expected: u32,
    ) {
        assert_eq!(of(&told, pods, true), expected);
    }

    #[test]
    fn a_share_of_nodes_is_rounded_up() {
        assert_eq!(of(&json!("10%"), 11, false), 2);
        assert_eq!(of(&json!("10%"), 0, false), 1);
    }
}
