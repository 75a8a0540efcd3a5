import Engine
import JSON

extension EngineServer {
    /// Constraints that are kept for later requests.
    private static let constraintLimit = 32

    /// Puts a request into the engine's queue.
    func submit(_ message: JSONNode, number: UInt64, id: Int, _ connection: Connection) throws(RequestFault) {
        var request = try RequestReader(served: served).request(message, id: number)
        if let order = try ConstraintOrder(message["answer"]) {
            request.constraint = constraints[order.key]
            if constraints[order.key]?.isLarge == true { constraints[order.key] = nil }
        }
        do throws(EngineError) { try served.engine.submit(request) } catch { throw RequestFault(error) }
        owners[number] = (connection, id, request.prompt.first ?? 0)
    }

    /// Goes on with the requests whose constraints have been made.
    func submitPrepared() {
        for (number, outcome) in served.maker.take() {
            guard let (message, key) = pending.removeValue(forKey: number), let (connection, id, _) = owners[number] else { continue }
            do throws(RequestFault) {
                if constraints.count >= Self.constraintLimit { constraints = [:] }
                constraints[key] = try outcome.get()
                try submit(message, number: number, id: id, connection)
            } catch {
                (owners[number], connection.requests[id]) = (nil, nil)
                connection.send(Replies.fault(error, id: id))
            }
        }
    }
}
