import Engine
import JSON

extension EngineServer {
    /// Constraints that are kept for later requests.
    private static let constraintLimit = 32

    /// Puts a request into the engine's queue.
    /// - Parameter key: of the constraint of its answers, which has been made.
    func submit(_ asked: GenerationRequest, _ key: String?, id: Int, _ connection: Connection) throws(RequestFault) {
        var request = asked
        if let key {
            request.constraint = constraints[key]
            if constraints[key]?.isLarge == true { constraints[key] = nil }
        }
        do throws(EngineError) { try served.engine.submit(request) } catch { throw RequestFault(error) }
        owners[request.id] = (connection, id, request.prompt.first ?? 0)
        connection.send(Replies.taken(id: id, prompt: request.prompt.count))
    }

    /// Goes on with the requests whose constraints have been made.
    func submitPrepared() {
        for (number, outcome) in served.maker.take() {
            guard let (request, key) = pending.removeValue(forKey: number), let (connection, id, _) = owners[number] else { continue }
            do throws(RequestFault) {
                if constraints.count >= Self.constraintLimit { constraints = [:] }
                constraints[key] = try outcome.get()
                try submit(request, key, id: id, connection)
            } catch {
                (owners[number], connection.requests[id]) = (nil, nil)
                connection.send(Replies.fault(error, id: id))
            }
        }
    }
}
