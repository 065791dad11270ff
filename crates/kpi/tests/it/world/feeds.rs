//! A stand-in for a service, at the other end of the network: it tells a list of events as far as a test lets it.
//!
//! It keeps to the contract of `Follow` for a subscriber that may see everything: events in their order and without holes, patterns of types,
//! `checked_position` past what was left out, OUT_OF_RANGE for a position that there is not yet.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use guanxi_proto::events::v1::event_feed_service_server::{EventFeedService, EventFeedServiceServer};
use guanxi_proto::events::v1::{Event, FollowRequest, FollowResponse, GetFeedHeadRequest, GetFeedHeadResponse};
use guanxi_test_support::Running;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Answers that wait for a slow subscriber.
const WAITING: usize = 64;

/// A service that tells nothing but its feed.
pub(crate) struct FeedStandIn {
    /// Where it listens, also after it was stopped and started.
    pub(crate) address: SocketAddr,
    feed: Feed,
    running: Option<Running>,
}

impl FeedStandIn {
    /// Starts to listen, with nothing released yet.
    pub(crate) fn new(events: Vec<Event>) -> Self {
        let feed = Feed {
            events: events.into(),
            released: watch::Sender::new(0),
            cuts: watch::Sender::new(0),
            begun: Arc::default(),
        };
        let running = serve(SocketAddr::from(([127, 0, 0, 1], 0)), &feed);
        Self { address: running.address, feed, running: Some(running) }
    }

    /// Lets events be told up to a position; never fewer than before.
    pub(crate) fn release(&self, position: usize) {
        let position = position.min(self.feed.events.len());
        self.feed.released.send_modify(|released| *released = position.max(*released));
    }

    /// Lets everything be told.
    pub(crate) fn release_all(&self) {
        self.release(usize::MAX);
    }

    /// The position up to which events are told.
    pub(crate) fn released(&self) -> i64 {
        number(*self.feed.released.borrow())
    }

    /// Breaks every stream, wherever it is; whoever calls again is answered.
    pub(crate) fn cut(&self) {
        self.feed.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// The positions after which streams were asked for, in their order.
    pub(crate) fn begun(&self) -> Vec<i64> {
        self.feed.begun.lock().unwrap().clone()
    }

    /// Breaks every connection and answers nobody any more.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end();
        }
    }

    /// Answers again where it did before.
    pub(crate) fn start(&mut self) {
        if self.running.is_none() {
            self.running = Some(serve(self.address, &self.feed));
        }
    }
}

fn serve(address: SocketAddr, feed: &Feed) -> Running {
    let feed = feed.clone();
    Running::start_at(address, async move |listener, stop| {
        let connections = TcpListenerStream::new(listener);
        let server = Server::builder().add_service(EventFeedServiceServer::new(feed));
        // As if it were killed: nobody waits for whoever is still connected.
        tokio::select! {
            ended = server.serve_with_incoming(connections) => Ok(ended?),
            () = stop => Ok(()),
        }
    })
}

#[derive(Clone)]
struct Feed {
    events: Arc<[Event]>,
    released: watch::Sender<usize>,
    cuts: watch::Sender<u64>,
    begun: Arc<Mutex<Vec<i64>>>,
}

#[tonic::async_trait]
impl EventFeedService for Feed {
    type FollowStream = ReceiverStream<Result<FollowResponse, Status>>;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let request = request.into_inner();
        let mut cuts = self.cuts.subscribe();
        let after = usize::try_from(request.after_position).map_err(|_| Status::invalid_argument("FIELDS_INVALID"))?;
        if after > *self.released.borrow() {
            return Err(Status::out_of_range("POSITION_UNKNOWN"));
        }
        self.begun.lock().unwrap().push(request.after_position);
        let (answers, stream) = mpsc::channel(WAITING);
        let feed = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = feed.tell(after, &request.types, &answers) => {}
                _ = cuts.changed() => {
                    // A full channel ends without a word, as a broken connection does.
                    let _ = answers.try_send(Err(Status::unavailable("cut")));
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_feed_head(&self, _: Request<GetFeedHeadRequest>) -> Result<Response<GetFeedHeadResponse>, Status> {
        let newest = number(*self.released.borrow());
        Ok(Response::new(GetFeedHeadResponse { newest_position: newest, oldest_position: newest.min(1) }))
    }
}

impl Feed {
    /// Sends what is released until the subscriber goes.
    async fn tell(&self, after: usize, types: &[String], answers: &mpsc::Sender<Result<FollowResponse, Status>>) {
        let mut released = self.released.subscribe();
        let mut position = after;
        loop {
            let until = *released.borrow_and_update();
            let mut told = position;
            for event in &self.events[position..until] {
                if types.is_empty() || types.iter().any(|wanted| fits(wanted, &event.r#type)) {
                    let response = FollowResponse { checked_position: event.position, event: Some(event.clone()) };
                    if answers.send(Ok(response)).await.is_err() {
                        return;
                    }
                    told = usize::try_from(event.position).unwrap();
                }
            }
            let progress = FollowResponse { event: None, checked_position: number(until) };
            if told < until && answers.send(Ok(progress)).await.is_err() {
                return;
            }
            position = until;
            tokio::select! {
                changed = released.changed() => if changed.is_err() { return },
                () = answers.closed() => return,
            }
        }
    }
}

fn number(position: usize) -> i64 {
    i64::try_from(position).unwrap()
}

fn fits(wanted: &str, kind: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == kind, |beginning| kind.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
    use guanxi_test_support::{channel, eventually};
    use tonic::transport::Channel;
    use tonic::{Code, Streaming};

    use super::*;

    fn stand_in() -> FeedStandIn {
        let kinds = ["account", "territory", "account", "account_manager", "account"];
        let event = |(position, noun): (i64, &str)| Event {
            position,
            r#type: format!("guanxi.client_registry.v1.{noun}.created"),
            ..Event::default()
        };
        FeedStandIn::new((1..).zip(kinds).map(event).collect())
    }

    async fn follow(
        stand_in: &FeedStandIn,
        after_position: i64,
        types: &[&str],
    ) -> Result<Streaming<FollowResponse>, Status> {
        let types = types.iter().map(ToString::to_string).collect();
        let mut client: EventFeedServiceClient<Channel> = EventFeedServiceClient::new(channel(stand_in.address));
        Ok(client.follow(FollowRequest { after_position, types }).await?.into_inner())
    }

    /// The position of the next event, or `None` with progress alone; and how far the feed was read.
    async fn next(stream: &mut Streaming<FollowResponse>) -> (Option<i64>, i64) {
        let response = stream.message().await.unwrap().unwrap();
        (response.event.map(|event| event.position), response.checked_position)
    }

    #[tokio::test]
    async fn it_tells_what_is_wanted_as_far_as_it_is_let() {
        let stand_in = stand_in();
        stand_in.release(2);
        let mut stream = follow(&stand_in, 0, &["guanxi.client_registry.v1.account.*"]).await.unwrap();
        assert_eq!(next(&mut stream).await, (Some(1), 1));
        assert_eq!(next(&mut stream).await, (None, 2));
        stand_in.release_all();
        assert_eq!(next(&mut stream).await, (Some(3), 3));
        assert_eq!(next(&mut stream).await, (Some(5), 5));
        let mut client = EventFeedServiceClient::new(channel(stand_in.address));
        let head = client.get_feed_head(GetFeedHeadRequest {}).await.unwrap().into_inner();
        assert_eq!((head.newest_position, head.oldest_position), (5, 1));
        assert_eq!(follow(&stand_in, 6, &[]).await.unwrap_err().code(), Code::OutOfRange);
    }

    #[tokio::test]
    async fn it_breaks_off_falls_silent_and_comes_back() {
        let mut stand_in = stand_in();
        stand_in.release(3);
        let mut stream = follow(&stand_in, 1, &[]).await.unwrap();
        assert_eq!(next(&mut stream).await, (Some(2), 2));
        assert_eq!(next(&mut stream).await, (Some(3), 3));
        stand_in.cut();
        assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
        let mut stream = follow(&stand_in, 3, &[]).await.unwrap();
        stand_in.stop();
        assert!(!matches!(stream.message().await, Ok(Some(_))));
        assert!(follow(&stand_in, 3, &[]).await.is_err());
        stand_in.release_all();
        stand_in.start();
        let mut found = None;
        eventually("it answers again", async || {
            found = follow(&stand_in, 3, &[]).await.ok();
            found.is_some()
        })
        .await;
        assert_eq!(next(&mut found.unwrap()).await, (Some(4), 4));
        assert_eq!(stand_in.begun(), [1, 3, 3]);
    }
}
