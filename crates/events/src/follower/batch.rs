//! What a stream holds at one moment.

use futures_util::FutureExt;
use guanxi_proto::events::v1::{Event, FollowResponse};
use tonic::{Status, Streaming};

use super::FollowError;

/// Most events of one transaction.
const MOST: usize = 500;

/// Events that are taken in together.
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// Everything up to here has come or is not for us.
    pub(super) checked: i64,
    /// True where every event is for us, so that a position left out is a loss.
    every: bool,
}

impl Batch {
    pub(super) fn after(checked: i64, every: bool) -> Self {
        Self { events: Vec::new(), checked, every }
    }

    /// Adds a first answer and what waits behind it, without waiting for more. Fails with what ended the stream.
    pub(super) fn gather(
        &mut self,
        first: Option<FollowResponse>,
        stream: &mut Streaming<FollowResponse>,
    ) -> Result<(), FollowError> {
        let mut next = first;
        loop {
            let Some(response) = next else { return Err(Status::unavailable("it ended").into()) };
            self.add(response)?;
            if self.events.len() == MOST {
                return Ok(());
            }
            match stream.message().now_or_never() {
                Some(message) => next = message?,
                None => return Ok(()),
            }
        }
    }

    fn add(&mut self, response: FollowResponse) -> Result<(), FollowError> {
        let after = self.checked;
        let Some(event) = response.event else {
            self.checked = after.max(response.checked_position);
            return Ok(());
        };
        let found = event.position;
        if found <= after || (self.every && found != after + 1) {
            return Err(FollowError::Lost(format!("after position {after} comes {found}")));
        }
        self.checked = found;
        self.events.push(event);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: i64) -> FollowResponse {
        FollowResponse { event: Some(Event { position, ..Event::default() }), checked_position: position }
    }

    fn checked(checked_position: i64) -> FollowResponse {
        FollowResponse { event: None, checked_position }
    }

    #[test]
    fn positions_ascend_and_progress_never_goes_back() {
        let mut batch = Batch::after(10, false);
        for response in [at(12), checked(20), checked(15), at(21), at(30)] {
            batch.add(response).unwrap();
        }
        assert_eq!((batch.checked, batch.events.len()), (30, 3));
        for again in [30, 29, 1] {
            assert!(matches!(batch.add(at(again)), Err(FollowError::Lost(_))), "{again}");
        }
        assert_eq!((batch.checked, batch.events.len()), (30, 3));
    }

    #[test]
    fn who_follows_everything_sees_every_hole() {
        let mut batch = Batch::after(10, true);
        batch.add(at(11)).unwrap();
        let error = batch.add(at(13)).unwrap_err();
        assert_eq!(error.to_string(), "events were lost: after position 11 comes 13");
        assert_eq!(batch.checked, 11, "what came before the hole is good");
    }
}
