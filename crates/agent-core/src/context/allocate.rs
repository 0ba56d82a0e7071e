//! Who gets how much: one pure function.

use super::{BudgetConfig, Share};

/// Something that wants room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Whose room it takes.
    pub share: Share,
    /// How many tokens it has.
    pub tokens: u64,
}

/// What each gets, in tokens. All of it together is no more than the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// For each want, in order: all of its tokens, none, or, where the end is kept, so many of them.
    pub granted: Vec<u64>,
    /// Kept free for the reply.
    pub reply: u64,
    /// For the history and its summary.
    pub history: u64,
    /// What the room of each share of which there is something came to.
    pub rooms: Vec<(Share, u64)>,
}

/// Gives out `window` tokens, of which `fixed` are taken already by what cannot be left out. Where there is too little, the
/// reply comes first, then the shares in their order, and the history gets the rest up to its own room.
///
/// A larger window never gives less to anything. So each share of which there is something has its own room, whether it needs
/// all of it or not; and of
/// what is whole or not at all, the smaller ones come first.
#[must_use]
pub fn allocate(budget: &BudgetConfig, window: u64, fixed: u64, wants: &[Want]) -> Allocation {
    // Percentages of whole hundreds: rounding would take from one what a larger window gives to another.
    let window = window - window % 100;
    let mut left = window.saturating_sub(fixed);
    let mut take = |room: u64| {
        let taken = room.min(left);
        left -= taken;
        taken
    };
    let reply = take(budget.reply.of(window));
    // Of which there is nothing needs no room: a small window has none to give away.
    let wanted = |share: &Share| wants.iter().any(|want| want.share == *share);
    let rooms: Vec<(Share, u64)> = Share::ALL
        .into_iter()
        .filter(wanted)
        .map(|share| (share, take(budget.share(share).of(window))))
        .collect();
    let history = take(budget.history.of(window));
    let mut granted = vec![0; wants.len()];
    for (share, room) in &rooms {
        let mut own: Vec<usize> = (0..wants.len()).filter(|at| wants[*at].share == *share).collect();
        if !share.keeps_its_end() {
            own.sort_by_key(|at| wants[*at].tokens);
        }
        let mut left = *room;
        for at in own {
            let wanted = wants[at].tokens;
            if wanted > left && !share.keeps_its_end() {
                break;
            }
            granted[at] = wanted.min(left);
            left -= granted[at];
        }
    }
    Allocation { granted, reply, history, rooms }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::Room;

    fn room() -> impl Strategy<Value = Room> {
        prop_oneof![(0_u32..5_000).prop_map(Room::Tokens), (0_u8..=20).prop_map(Room::Percent)]
    }

    prop_compose! {
        /// Any that would be accepted as far as its sum goes.
        fn budget()(rooms in prop::collection::vec(room(), 12)) -> BudgetConfig {
            let mut percent = 100;
            let rooms: Vec<Room> = rooms
                .into_iter()
                .map(|room| match room {
                    Room::Percent(wanted) => {
                        let given = wanted.min(percent);
                        percent -= given;
                        Room::Percent(given)
                    }
                    tokens @ Room::Tokens(_) => tokens,
                })
                .collect();
            BudgetConfig {
                reply: rooms[0],
                instructions: rooms[1],
                person: rooms[2],
                channel: rooms[3],
                skills: rooms[4],
                profile: rooms[5],
                session: rooms[6],
                rules: rooms[7],
                pins: rooms[8],
                memory: rooms[9],
                working: rooms[10],
                history: rooms[11],
                ..BudgetConfig::default()
            }
        }
    }

    fn wants() -> impl Strategy<Value = Vec<Want>> {
        let want = (prop::sample::select(Share::ALL.to_vec()), 0_u64..4_000)
            .prop_map(|(share, tokens)| Want { share, tokens });
        prop::collection::vec(want, 0..12)
    }

    fn sum(allocation: &Allocation) -> u64 {
        allocation.granted.iter().sum::<u64>() + allocation.reply + allocation.history
    }

    proptest! {
        #[test]
        fn no_more_is_given_out_than_there_is(
            budget in budget(), window in 0_u64..200_000, fixed in 0_u64..50_000, wants in wants(),
        ) {
            let allocation = allocate(&budget, window, fixed, &wants);
            prop_assert!(sum(&allocation) <= window.saturating_sub(fixed));
            for (want, granted) in wants.iter().zip(&allocation.granted) {
                prop_assert!(*granted <= want.tokens);
                prop_assert!(want.share.keeps_its_end() || *granted == 0 || *granted == want.tokens);
            }
            for (share, room) in &allocation.rooms {
                let own = wants.iter().zip(&allocation.granted).filter(|(want, _)| want.share == *share);
                prop_assert!(own.map(|(_, granted)| granted).sum::<u64>() <= *room);
            }
        }

        #[test]
        fn a_larger_window_gives_nothing_less(
            budget in budget(), window in 0_u64..100_000, more in 0_u64..100_000, fixed in 0_u64..50_000,
            wants in wants(),
        ) {
            let (small, large) =
                (allocate(&budget, window, fixed, &wants), allocate(&budget, window + more, fixed, &wants));
            prop_assert!(small.reply <= large.reply && small.history <= large.history);
            for (small, large) in small.granted.iter().zip(&large.granted) {
                prop_assert!(small <= large);
            }
        }
    }

    #[test]
    fn the_smaller_files_of_a_share_come_first_and_the_end_of_the_memory_fits_what_is_there() {
        let want = |share, tokens| Want { share, tokens };
        let wants = [
            want(Share::Instructions, 900),
            want(Share::Instructions, 200),
            want(Share::Memory, 1_000),
            want(Share::Memory, 50),
        ];
        let allocation = allocate(&BudgetConfig::default(), 10_000, 0, &wants);
        assert_eq!(allocation.granted, [0, 200, 600, 0]);
        assert_eq!((allocation.reply, allocation.history), (1_000, 5_000));
    }
}
