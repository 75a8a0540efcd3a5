import Graph
import Ranks

/// The exchange of gradients from where they lie, on a device whose memory the host uses in place.
///
/// Where the network has time for it (``RankGroup/movesBeside``), gradients are sent while the last
/// backward pass of a step still computes those of lower layers: each stretch of them as soon as
/// no kernel call that is left touches it. Stretches go in one order on all processes, the last
/// layer's first. What is added to what does not depend on when: the bytes are the same.
final class GradientStream {
    private let session: TrainingSession
    private let group: any RankGroup
    private let shares: PageShares?
    /// As they lie in memory.
    private let stretches: [GradientStretch]
    /// The places of stretches, as they go.
    private let order: [Int]
    /// How many have begun to go in this step, in that order.
    private(set) var startedCount = 0
    /// What each call of a program touches; kept for some programs.
    private var touches: [ProgramSize: [[Int]]] = [:]
    /// Of the program that runs: its calls, and for each stretch how many are left that touch it.
    private var running: [[Int]] = []
    private var left: [Int] = []
    /// What has failed while the device computed.
    private var failure: (any Error)?
    /// The sums of this process's lanes before the last, whose gradients the device has; they are
    /// added to those from the last to the first.
    var sums: [PartialSum] = []

    /// - Returns: nil where there is nobody to exchange with, or gradients have to be copied.
    init?(_ session: TrainingSession, _ group: any RankGroup) {
        guard !group.isAlone, let stretches = GradientStretch.all(of: session) else { return nil }
        (self.session, self.group, self.stretches) = (session, group, stretches)
        shares = session.programs.shares
        order = GradientStretch.order(of: stretches, session)
    }

    /// Has all that is exchanged lie where the other processes of the host reach it. Every process
    /// must come here.
    func share() throws { try group.share(stretches.map(\.gradients) + (shares == nil ? [] : stretches.map(\.parameters))) }

    // MARK: Beside a program

    /// Prepares for the run of a program, the last of this process in a step.
    func begin(_ size: ProgramSize, _ plan: Plan) throws {
        failure = nil
        if touches.count >= Self.programLimit, touches[size] == nil { touches = [:] }
        running =
            touches[size]
            ?? plan.calls.map { call in
                (call.inputs + call.outputs).flatMap { GradientStretch.places(of: $0, among: stretches) }
            }
        touches[size] = running
        left = [Int](repeating: 0, count: stretches.count)
        for place in running.joined() { left[place] += 1 }
        try startReady()
    }

    private static let programLimit = 16

    /// Hears that calls of the program have been done.
    func take(done calls: [Int]) throws {
        for call in calls where running.indices.contains(call) { for place in running[call] { left[place] -= 1 } }
        try startReady()
        try group.advance()
    }

    /// Asked often while the device computes.
    /// - Returns: false if the others cannot be reached: ``rethrow()``.
    func goesOn() -> Bool {
        do { try group.advance() } catch { failure = failure ?? error }
        return failure == nil
    }

    func rethrow() throws { if let failure { throw failure } }

    private func startReady() throws {
        while startedCount < order.count, left[order[startedCount]] == 0 { try startNext() }
    }

    private func startNext() throws {
        let stretch = stretches[order[startedCount]]
        startedCount += 1
        for sum in sums.reversed() {
            sum.withNumbers {
                PartialSum.add(
                    UnsafeMutableBufferPointer(rebasing: $0[stretch.start..<stretch.start + stretch.gradients.count]), to: stretch.gradients
                )
            }
        }
        guard let shares else { return try group.startSum(stretch.gradients) }
        try group.start(parts(stretch.gradients, of: shares.owners[stretch.page]), [.addUp, .clear])
    }

    private func parts(_ numbers: UnsafeMutableBufferPointer<Float>, of owner: Int) -> [UnsafeMutableBufferPointer<Float>] {
        (0..<group.count).map { $0 == owner ? numbers : UnsafeMutableBufferPointer(start: nil, count: 0) }
    }

    // MARK: The end of a step

    /// Makes the device's gradients the sum of all lanes of all processes; of the pages that this
    /// process steps, where these are divided, and zeros for the rest.
    /// - Returns: memory of sums that is free.
    func finish() throws -> [PartialSum] { try finish(startedBy: order.count) }

    /// Ends a step that is broken off: what any process has begun all bring to an end.
    func abandon(startedBy count: Int) throws { _ = try finish(startedBy: count) }

    private func finish(startedBy count: Int) throws -> [PartialSum] {
        while startedCount < min(count, order.count) { try startNext() }
        try group.finish()
        defer { sums = [] }
        startedCount = 0
        return sums
    }

    /// Gives every process the parameters that each has stepped, where these are divided.
    func spreadParameters() throws {
        guard let shares else { return }
        for stretch in stretches { try group.start(parts(stretch.parameters, of: shares.owners[stretch.page]), .spread) }
        try group.finish()
    }
}
