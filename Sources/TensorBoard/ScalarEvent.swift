/// An `Event` of TensorFlow's `event.proto`: scalars of a step, or what begins a file.
package enum ScalarEvent {
    /// Fields of `Event`, `Summary`, `Summary.Value` and `SessionLog`.
    private enum Field {
        static let wallTime: UInt64 = 1
        static let step: UInt64 = 2
        static let fileVersion: UInt64 = 3
        static let summary: UInt64 = 5
        static let sessionLog: UInt64 = 7
        static let value: UInt64 = 1
        static let tag: UInt64 = 1
        static let simpleValue: UInt64 = 2
        static let status: UInt64 = 1
    }
    private static let start = 1

    /// The first event of a file.
    package static func fileVersion(at time: Double) -> [UInt8] {
        var event = WireMessage()
        event.add(Field.wallTime, time)
        event.add(Field.fileVersion, "brain.Event:2".utf8)
        return event.bytes
    }

    /// Says that what a reader has of this step and of later ones is no longer true.
    package static func restart(at time: Double) -> [UInt8] {
        var log = WireMessage()
        log.add(Field.status, start)
        var event = WireMessage()
        event.add(Field.wallTime, time)
        event.add(Field.sessionLog, log.bytes)
        return event.bytes
    }

    /// Figures of a step, by their tags.
    package static func scalars(step: Int, _ values: [(tag: String, value: Double)], at time: Double) -> [UInt8] {
        var summary = WireMessage()
        for (tag, number) in values {
            var value = WireMessage()
            value.add(Field.tag, tag.utf8)
            value.add(Field.simpleValue, Float(number))
            summary.add(Field.value, value.bytes)
        }
        var event = WireMessage()
        event.add(Field.wallTime, time)
        event.add(Field.step, step)
        event.add(Field.summary, summary.bytes)
        return event.bytes
    }

    /// The step of an event of scalars; nil for other events.
    package static func step(of event: [UInt8]) -> Int? {
        guard let fields = WireMessage.fields(event), fields.contains(where: { $0.field == Field.summary }) else { return nil }
        return Int(truncatingIfNeeded: fields.first { $0.field == Field.step }?.number ?? 0)
    }
}
