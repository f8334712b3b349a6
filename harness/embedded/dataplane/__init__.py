"""The mesh data plane of an embedded cluster: one real proxy that does what Linkerd's proxies would do.

    plane ──► world ──► snapshot ──► compile ──► ads ──► Envoy ──► metrics
              (objects)  (frozen)    (pure)     (ACKs)   (traffic)  (Linkerd's names)

Where it is not Linkerd, on purpose or because Envoy cannot say it:

- A Service without a ready endpoint answers 504 at once; Linkerd waits 3 s first (§1.28).
- Backends that all have weight 0 answer 503 also where Linkerd drops the connection (§1.34), and an unknown port of a
  ClusterIP answers 502 where it is refused (§1.8): a client that asks through a proxy always gets an answer.
- An authority that no Service or pod has answers 502 in words that name it; elsewhere the name would not resolve.
- The authority of a request chooses the Service, where Linkerd takes the address that was dialled (§1.6).
- The wording of `l5d-proxy-error` is ours (§1.18).
- See `compile.matching` for what queries and regular expressions cannot say.
- Applications are spoken to in the client's HTTP version, whatever `appProtocol` says of them (§1.59). What a client
  sends to an opaque port is a request to its proxy all the same: it is answered, not closed, where no endpoint takes
  it (1G).
- Circuit breakers read a status of gRPC that comes alone, as the HTTP status which Envoy takes it for (§4.3).
- Every pod dials from its own address, so that policies see who calls. The address that stands for a pod's localhost,
  127.0.0.1, is whoever calls without being a pod, the node or the ingress (§3.5).
- What is neither HTTP nor the mesh's TLS is let in or closed as a whole, and not counted. `HTTP/2` and `gRPC` of a
  Server still accept HTTP/1.1 (§3.7).
- A changed policy of a port fills the buckets of its rate limit again (§3.28).
- A hostname in a redirect keeps the port that was dialled, inbound that of the pod (§1.57). See `compile.limits` for
  what retries cannot say.
- A request is counted when it ends, also in `request_total` (§5.4).
- See `compile.breaking` for what circuit breaking cannot say. Annotations that have no effect are told.
"""
