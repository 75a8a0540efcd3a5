import Graph
import Models
package import Ranks

/// Moves the optimizer's state between rank 0, which has the job's files, and the processes that
/// keep it: one tensor at a time, so that nobody ever has all of it.
package struct StateExchange {
    private let session: TrainingSession
    private let group: any RankGroup

    package init(_ session: TrainingSession, _ group: any RankGroup) { (self.session, self.group) = (session, group) }

    /// A state of one trained tensor, by its places among those of the optimizer and of the layout.
    package struct Subject: Sendable, Hashable {
        package var state: Int
        package var parameter: Int

        package init(state: Int, parameter: Int) { (self.state, self.parameter) = (state, parameter) }
    }

    /// Gives the bytes of a state that another process keeps; rank 0's.
    func fetch(_ subject: Subject, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try group.announce(RankOrder.state(subject, isGiven: false).bytes)
        try withMemory(subject) { bytes, owner in
            try group.move(bytes, from: owner, to: group.rank)
            try body(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Gives a state to the process that keeps it; rank 0's.
    func give(_ subject: Subject, _ source: UnsafeRawBufferPointer) throws {
        try group.announce(RankOrder.state(subject, isGiven: true).bytes)
        try withMemory(subject) { bytes, owner in
            guard source.count == bytes.count else { throw TrainingError.brokenExchange }
            bytes.copyMemory(from: source)
            try group.move(bytes, from: group.rank, to: owner)
        }
    }

    /// Does this process's part of what rank 0 does.
    func answer(_ subject: Subject, isGiven: Bool) throws {
        try withMemory(subject) { bytes, owner in
            guard owner == group.rank, let place = try place(of: subject) else { return }
            if isGiven {
                try group.move(bytes, from: 0, to: owner)
                try session.persistent.write(UnsafeRawBufferPointer(bytes), to: place)
            } else {
                try session.persistent.read(place, into: bytes)
                try group.move(bytes, from: owner, to: 0)
            }
        }
    }

    private func tensor(of subject: Subject) throws -> PersistentTensor {
        let (layout, kinds) = (session.programs.model.trainables, session.programs.optimizer.stateKinds)
        guard kinds.indices.contains(subject.state), layout.parameters.indices.contains(subject.parameter),
            let tensor = layout.tensor(of: layout.parameters[subject.parameter].key, kinds[subject.state])
        else { throw TrainingError.brokenExchange }
        return tensor
    }

    private func place(of subject: Subject) throws -> Placement? { session.persistent.layout.placements[try tensor(of: subject).key] }

    /// - Parameter body: gets memory for the state, and who keeps it.
    private func withMemory(_ subject: Subject, _ body: (UnsafeMutableRawBufferPointer, Int) throws -> Void) throws {
        let tensor = try tensor(of: subject)
        let layout = session.programs.model.trainables
        guard let shares = session.programs.shares, let owner = shares.owner(of: layout.parameters[subject.parameter].key, layout) else {
            throw TrainingError.brokenExchange
        }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, tensor.type.byteCount), alignment: 64)
        defer { memory.deallocate() }
        try body(UnsafeMutableRawBufferPointer(rebasing: memory.prefix(tensor.type.byteCount)), owner)
    }
}
