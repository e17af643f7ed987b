//! gRPC: the same answers as over ABCI, with the statuses of a real node.

use std::{io::ErrorKind, marker::PhantomData, net::SocketAddr};

use bootstrap::{
    chain::{
        messages::{
            EmissionsVersion, Query as _,
            feemarket::GasPriceRequest,
            query::{GetCurrentLowestInfererScoreRequest, GetTopicRequest},
        },
        tx::SignedTx,
    },
    devnet::{BlockTime, Devnet, Fault, FaultKind, Options},
};
use cosmrs::proto::cosmos::{
    auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse},
    base::abci::v1beta1::TxResponse,
    tx::v1beta1::{
        BroadcastMode, BroadcastTxRequest, BroadcastTxResponse, GetTxRequest, GetTxResponse, SimulateRequest,
    },
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use prost::{Message, bytes::BufMut as _};
use tokio::net::TcpStream;
use tonic::{
    Code, Request, Response, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::support::{start, transfer, until};

const ACCOUNT_INFO: &str = "/cosmos.auth.v1beta1.Query/AccountInfo";
const BROADCAST_TX: &str = "/cosmos.tx.v1beta1.Service/BroadcastTx";
const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";
const GET_TX: &str = "/cosmos.tx.v1beta1.Service/GetTx";

/// Requests in bytes, which may be wrong on purpose; answers of a type.
struct Messages<A>(PhantomData<A>);

impl<A> Messages<A> {
    const NEW: Self = Self(PhantomData);
}

impl<A: Message + Default + 'static> Codec for Messages<A> {
    type Encode = Vec<u8>;
    type Decode = A;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::NEW
    }

    fn decoder(&mut self) -> Self {
        Self::NEW
    }
}

impl<A> Encoder for Messages<A> {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&message);
        Ok(())
    }
}

impl<A: Message + Default> Decoder for Messages<A> {
    type Item = A;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<A>, Status> {
        Ok(Some(A::decode(from).unwrap()))
    }
}

fn manual() -> Devnet {
    let grpc = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    start(Options { block_time: BlockTime::Manual, grpc, ..Options::on_free_port() })
}

struct Client(Grpc<legacy::Client<HttpConnector, tonic::body::Body>>);

impl Client {
    fn new(devnet: &Devnet) -> Self {
        let url = devnet.grpc_url().unwrap().replace("grpc+", "");
        let http = legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self(Grpc::with_origin(http, url.parse().unwrap()))
    }

    /// One call with its metadata.
    async fn call<A: Message + Default + 'static>(
        &mut self,
        path: &str,
        request: Request<Vec<u8>>,
    ) -> Result<Response<A>, Status> {
        self.0.ready().await.unwrap();
        self.0.unary(request, path.parse().unwrap(), Messages::NEW).await
    }

    /// One call of messages.
    async fn ask<A: Message + Default + 'static>(
        &mut self,
        path: &str,
        request: impl Message,
    ) -> Result<A, Status> {
        Ok(self.call(path, Request::new(request.encode_to_vec())).await?.into_inner())
    }

    async fn refused(&mut self, path: &str, request: impl Message) -> (Code, String) {
        let status = self.ask::<()>(path, request).await.unwrap_err();
        (status.code(), status.message().to_owned())
    }

    async fn broadcast(&mut self, tx: &SignedTx) -> TxResponse {
        let request = BroadcastTxRequest { tx_bytes: tx.bytes.clone(), mode: BroadcastMode::Sync.into() };
        self.ask::<BroadcastTxResponse>(BROADCAST_TX, request).await.unwrap().tx_response.unwrap()
    }
}

#[tokio::test]
async fn a_transaction_is_sent_and_found() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let mut client = Client::new(&devnet);
    let tx = transfer(&devnet, 0, 0);
    let hash = tx.hash.to_string();
    let sent = client.broadcast(&tx).await;
    assert_eq!((sent.code, &sent.txhash), (0, &hash));
    let again = client.broadcast(&tx).await;
    assert_eq!((again.code, again.codespace.as_str()), (19, "sdk"), "the mempool has it");
    let early = transfer(&devnet, 0, 7);
    let refused = client.broadcast(&early).await;
    assert_eq!((refused.code, refused.codespace.as_str()), (32, "sdk"), "{}", refused.raw_log);

    let missing = client.refused(GET_TX, GetTxRequest { hash: hash.clone() }).await;
    assert_eq!(missing, (Code::NotFound, format!("tx not found: {hash}")));
    devnet.mine(1).unwrap();
    let found: GetTxResponse = client.ask(GET_TX, GetTxRequest { hash }).await.unwrap();
    assert_eq!(found.tx_response.unwrap().height, 2);
}

#[tokio::test]
async fn an_error_has_the_status_of_a_real_node() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let mut client = Client::new(&devnet);
    let address = "allo1yt7l07cad9t5mnax3yvzkult7z9evesu5ykm2y";
    assert_eq!(
        client.refused(ACCOUNT_INFO, QueryAccountInfoRequest { address: address.into() }).await,
        (Code::NotFound, format!("account {address} not found"))
    );
    let topic = GetTopicRequest { topic_id: 9 };
    let [v9, v10] = [EmissionsVersion::V9, EmissionsVersion::V10].map(GetTopicRequest::path);
    assert_eq!(
        client.refused(&v10, topic.clone()).await,
        (Code::Unknown, "error getting topic: topic does not exist".into())
    );
    assert_eq!(
        client.refused(&v9, topic).await,
        (Code::Unimplemented, "unknown service emissions.v9.QueryService".into())
    );
    assert_eq!(
        client.refused("/cosmos.bank.v1beta1.Query/Steal", ()).await,
        (Code::Unimplemented, "unknown method Steal for service cosmos.bank.v1beta1.Query".into())
    );
    let nobody = cosmrs::proto::cosmos::staking::v1beta1::QueryValidatorRequest {
        validator_addr: "allovaloper1xmucergtkh7s77efgk9s8ah2muhre3sq0xwdtj".into(),
    };
    let text = format!("validator {} not found", nobody.validator_addr);
    assert_eq!(
        client.refused("/cosmos.staking.v1beta1.Query/Validator", nobody).await,
        (Code::NotFound, text)
    );
    let missing = GetCurrentLowestInfererScoreRequest { topic_id: 1 };
    assert_eq!(
        client.refused(&GetCurrentLowestInfererScoreRequest::path(EmissionsVersion::V10), missing).await,
        (Code::NotFound, "no lowest inferer score found for topic 1".into())
    );
    let foreign = GasPriceRequest { denom: "foo".into() };
    assert_eq!(
        client.refused(&GasPriceRequest::path(EmissionsVersion::V10), foreign).await,
        (Code::Unknown, "error resolving denom: the only denom supported is uallo".into())
    );
    let bad = QueryAccountInfoRequest { address: "cosmos1xyz".into() };
    assert_eq!(
        client.refused(ACCOUNT_INFO, bad).await,
        (Code::Unknown, "decoding bech32 failed: invalid separator index 6".into())
    );
    assert_eq!(
        client.refused(SIMULATE, SimulateRequest::default()).await,
        (Code::InvalidArgument, "empty txBytes is not allowed".into())
    );
    let garbage = SimulateRequest { tx_bytes: vec![1, 2, 3], ..SimulateRequest::default() };
    let simulated = client.refused(SIMULATE, garbage).await;
    assert_eq!(simulated.0, Code::Unknown, "{}", simulated.1);
    let garbage = client.call::<()>(ACCOUNT_INFO, Request::new(vec![0x0a, 0xff])).await.unwrap_err();
    assert_eq!(garbage.code(), Code::Internal, "{garbage}");
}

#[tokio::test]
async fn a_height_is_asked_for_and_told_in_metadata() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let mut client = Client::new(&devnet);
    let sent = client.broadcast(&transfer(&devnet, 0, 0)).await;
    assert_eq!(sent.code, 0, "{}", sent.raw_log);
    devnet.mine(1).unwrap();
    let address = devnet.accounts()[0].address.clone();
    for (height, sequence) in [("1", 0), ("2", 1), ("0", 1)] {
        let mut request = Request::new(QueryAccountInfoRequest { address: address.clone() }.encode_to_vec());
        request.metadata_mut().insert("x-cosmos-block-height", height.parse().unwrap());
        let answer = client.call::<QueryAccountInfoResponse>(ACCOUNT_INFO, request).await.unwrap();
        let read = answer.metadata().get("x-cosmos-block-height").unwrap().to_str().unwrap().to_owned();
        assert_eq!(read, if height == "0" { "2" } else { height });
        assert_eq!(answer.into_inner().info.unwrap().sequence, sequence, "at height {height}");
    }
}

#[tokio::test]
async fn a_node_without_grpc_refuses_connections_at_its_port() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let mut client = Client::new(&devnet);
    let request = QueryAccountInfoRequest { address: devnet.accounts()[0].address.clone() };
    let port = devnet.grpc_url().unwrap().replace("grpc+http://", "");
    client.ask::<QueryAccountInfoResponse>(ACCOUNT_INFO, request.clone()).await.unwrap();
    devnet.fault(Fault::new(FaultKind::NoGrpc)).unwrap();
    until("a refusal", async || {
        let refused = TcpStream::connect(&port).await.err()?;
        (refused.kind() == ErrorKind::ConnectionRefused).then_some(())
    })
    .await;
    let cut = client.ask::<QueryAccountInfoResponse>(ACCOUNT_INFO, request.clone()).await;
    assert!(cut.is_err(), "what was open is cut");
    devnet.clear_faults();
    until("an answer", async || {
        client.ask::<QueryAccountInfoResponse>(ACCOUNT_INFO, request.clone()).await.ok()
    })
    .await;
}

#[tokio::test]
async fn faults_hit_it_too() {
    let devnet = manual();
    devnet.mine(1).unwrap();
    let mut client = Client::new(&devnet);
    let address = devnet.accounts()[0].address.clone();
    let request = QueryAccountInfoRequest { address };
    for kind in [FaultKind::DropReply, FaultKind::HttpStatus { status: 503 }, FaultKind::Error] {
        devnet.fault(Fault::new(kind.clone()).on(ACCOUNT_INFO).times(1)).unwrap();
        let (code, text) = client.refused(ACCOUNT_INFO, request.clone()).await;
        assert_ne!(code, Code::Ok, "{kind:?}: {text}");
    }
    let refuse = FaultKind::CheckCode { code: 13, codespace: "sdk".into() };
    for (refuse, code) in [(refuse, 13), (FaultKind::MempoolFull, 20)] {
        devnet.fault(Fault::new(refuse).times(1)).unwrap();
        assert_eq!(client.broadcast(&transfer(&devnet, 0, 0)).await.code, code);
    }
    let restart = tokio::task::spawn_blocking(move || {
        devnet.fault(Fault::new(FaultKind::Restart)).unwrap();
        devnet
    });
    let devnet = restart.await.unwrap();
    // Connections are cut, and it listens again at the same address.
    until("an answer", async || {
        client.ask::<QueryAccountInfoResponse>(ACCOUNT_INFO, request.clone()).await.ok()
    })
    .await;
    // An account number that is not 0 gives the check state away.
    assert_eq!(client.broadcast(&transfer(&devnet, 1, 0)).await.code, 4, "the check state is at height 0");
}
