import NIOCore
import NIOHTTPTypes

/// Closes connections whose client takes its time to say what it wants: the first header is there
/// within some seconds, and a body does not trickle. Connections that wait for their next request
/// are the server's own to close.
final class SlowSenders: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    /// Within which a new connection has sent a request's headers.
    private static let headTime = TimeAmount.seconds(10)
    /// After which a body is looked at, again and again.
    private static let bodyTime = TimeAmount.seconds(30)
    /// Bytes a second that a body has from then on, on average.
    private static let bodyRate = 1024

    private var hasAsked = false
    private var deadline: Scheduled<Void>?
    private var bodyBegan = NIODeadline.now()
    private var bodyBytes = 0

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { expectHead(context) } }

    func channelActive(context: ChannelHandlerContext) {
        expectHead(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            hasAsked = true
            (bodyBegan, bodyBytes) = (.now(), 0)
            later(Self.bodyTime, context) { $0.checkBody($1) }
        case .body(let part): bodyBytes += part.readableBytes
        case .end: deadline?.cancel()
        }
        context.fireChannelRead(data)
    }

    private func expectHead(_ context: ChannelHandlerContext) {
        guard deadline == nil else { return }
        later(Self.headTime, context) { handler, context in if !handler.hasAsked { context.close(promise: nil) } }
    }

    private func checkBody(_ context: ChannelHandlerContext) {
        let seconds = Int((NIODeadline.now() - bodyBegan).nanoseconds / 1_000_000_000)
        if bodyBytes < seconds * Self.bodyRate { return context.close(promise: nil) }
        later(Self.bodyTime, context) { $0.checkBody($1) }
    }

    private func later(_ time: TimeAmount, _ context: ChannelHandlerContext, _ work: @escaping (SlowSenders, ChannelHandlerContext) -> Void)
    {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { work(self, context) }
    }
}
