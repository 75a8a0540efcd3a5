public import JSON

/// A line of `events.jsonl`: the `fine_tuning.job.event` object of the OpenAI API.
public struct JobEvent: Sendable, Hashable {
    public enum Level: String, Sendable, Hashable { case info, warn, error }
    public var sequence: Int
    public var createdAt: Int
    public var level: Level
    public var message: String
    /// With data the event is of the type `metrics`, without of the type `message`.
    public var data: JSONNode?

    public init(sequence: Int, createdAt: Int, level: Level = .info, message: String, data: JSONNode? = nil) {
        self.sequence = sequence
        self.createdAt = createdAt
        self.level = level
        self.message = message
        self.data = data
    }

    /// - Parameter job: the job's id, from which the event's own is made.
    public func json(job: String) -> JSONNode {
        [
            "object": "fine_tuning.job.event", "id": JSONNode("ftevent-\(job.dropFirst(6))-\(sequence)"), "created_at": JSONNode(createdAt),
            "level": JSONNode(level.rawValue), "message": JSONNode(message), "type": JSONNode(data == nil ? "message" : "metrics"),
            "data": data ?? JSONNode([JSONMember]()),
        ]
    }
}
