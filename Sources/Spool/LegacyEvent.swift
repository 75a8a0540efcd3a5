import Jobs

/// What the lines of `events.jsonl` meant before they had codes. Its sentences are those of the
/// programs that wrote them, and never change.
enum LegacyEvent {
    private static let beginnings: [(words: String, code: EventCode)] = [
        ("Created fine-tuning job", .created), ("Fine-tuning job failed", .failed), ("Fine-tuning job cancelled", .cancelled),
        ("Fine-tuning job started", .started), ("Paused", .paused), ("Resumed: ", .resumed),
        ("The job has successfully completed", .succeeded), ("Files validated: ", .validated), ("Stopped ", .stopped),
        ("Waiting to go on", .waiting), ("No further try: ", .givenUp),
    ]

    /// The code that a sentence would have today, if it says anything of the job's state.
    static func code(of message: String) -> EventCode? { beginnings.first { message.hasPrefix($0.words) }?.code }
}
