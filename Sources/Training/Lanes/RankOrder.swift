/// What rank 0 announces to the others, by which they do their part of it.
package enum RankOrder: Sendable, Hashable {
    /// The job: ``RankGroup/broadcast(_:)`` of what the others need follows.
    case job
    /// Rank 0's parameters and optimizer state become everybody's.
    case parameters
    /// The references of the data become everybody's.
    case references
    /// The next step.
    case step(Int)
    /// An evaluation of so many validation examples from a place on; nil: of all.
    case evaluation(limit: Int?, rotation: Int)
    /// A state of a trained tensor goes from the process that keeps it to rank 0, or is given to
    /// it.
    case state(StateExchange.Subject, isGiven: Bool)
    /// All compare their parameters.
    case comparison
    /// There is nothing more to do.
    case end

    package var bytes: [UInt8] {
        switch self {
        case .job: ByteWriter.bytes([0])
        case .parameters: ByteWriter.bytes([1])
        case .references: ByteWriter.bytes([2])
        case .step(let number): ByteWriter.bytes([3, number])
        case .evaluation(let limit, let rotation): ByteWriter.bytes([4, limit ?? -1, rotation])
        case .comparison: ByteWriter.bytes([5])
        case .end: ByteWriter.bytes([6])
        case .state(let subject, let isGiven): ByteWriter.bytes([7, subject.state, subject.parameter, isGiven ? 1 : 0])
        }
    }

    /// - Returns: nil if the bytes are none of ``bytes``.
    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        switch reader.integer() {
        case 0: self = .job
        case 1: self = .parameters
        case 2: self = .references
        case 3:
            guard let number = reader.integer() else { return nil }
            self = .step(number)
        case 4:
            guard let limit = reader.integer(), let rotation = reader.integer() else { return nil }
            self = .evaluation(limit: limit < 0 ? nil : limit, rotation: rotation)
        case 5: self = .comparison
        case 6: self = .end
        case 7:
            guard let state = reader.integer(), let parameter = reader.integer(), let isGiven = reader.integer() else { return nil }
            self = .state(StateExchange.Subject(state: state, parameter: parameter), isGiven: isGiven != 0)
        default: return nil
        }
    }
}
