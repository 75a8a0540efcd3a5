package import Jobs
package import Manifest
import Models

/// What a job will need, known before anything runs.
package struct JobPlan: Sendable, Hashable {
    /// What the planner decides. A job keeps its choice for life: a resumed run must do what the
    /// unbroken one would have done.
    package struct Choice: Sendable, Hashable {
        /// Tokens of a micro-batch.
        package var tokenCount: Int
        /// Layers, from the last one on, that are computed a second time in the backward pass.
        package var recomputedLayers: Int
        /// Bytes of logits that exist at one time.
        package var logitsByteLimit: Int
        package var baseWeights: BaseWeights

        package init(
            tokenCount: Int, recomputedLayers: Int, logitsByteLimit: Int = Programs.defaultLogitsByteLimit, baseWeights: BaseWeights
        ) {
            self.tokenCount = tokenCount
            self.recomputedLayers = recomputedLayers
            self.logitsByteLimit = logitsByteLimit
            self.baseWeights = baseWeights
        }
    }
    package var choice: Choice
    package var size: ProgramSize
    /// Bytes of the arena, of persistent memory that is allocated, and of weights that lie in
    /// mapped files.
    package var arenaBytes: Int
    package var persistentBytes: Int
    package var mappedBytes: Int
    package var exchangeBytes: Int
    /// Bytes that the backend's kernels use beside the plan's memory: parts of operands in other
    /// types, packed blocks.
    package var workspaceBytes: Int
    /// Bytes that the program itself takes where it shares memory with the plan: code, tokenizer,
    /// data, prepared kernels. 0 on a device with memory of its own.
    package var programBytes: Int
    /// Arithmetic of one full micro-batch, forward and backward.
    package var floatingPointOperations: Double
    package var kernelCalls: Int

    /// Bytes of the host in which the sums of a job's lanes are added and exchanged; 0 where there
    /// is one lane.
    package var laneBytes = 0

    /// Where several processes can carry the job: what each needs, by how many there are, the most
    /// first.
    package var divisions: [PlanFigures.Division] = []
    /// The fewest processes with which the job fits the memory it may use.
    package var leastProcesses = 1

    /// Bytes of a teacher's own memory on the device: weights, arena, exchange with the host; 0
    /// where there is none.
    package var teacherBytes = 0

    package var recomputedLayers: Int { choice.recomputedLayers }
    package var baseWeights: BaseWeights { choice.baseWeights }

    /// Bytes of the plan's own memory on the device.
    package var deviceBytes: Int { arenaBytes + persistentBytes + mappedBytes + exchangeBytes + teacherBytes }
    /// Bytes that are held at the peak, all in all; of the host's where the device shares it.
    package var peakBytes: Int { deviceBytes + workspaceBytes + programBytes + (programBytes > 0 ? laneBytes : 0) }
}
