package import Jobs
import Manifest
import Models
package import Training

extension PlanFigures {
    /// The figures of a plan, as users and the job's files see them.
    package init(_ plan: JobPlan) {
        self.init(
            microBatchTokens: plan.size.tokenCount, recomputedLayers: plan.recomputedLayers, logitsBytes: plan.choice.logitsByteLimit,
            baseWeights: plan.baseWeights.rawValue, arenaBytes: plan.arenaBytes, persistentBytes: plan.persistentBytes,
            mappedWeightBytes: plan.mappedBytes, exchangeBytes: plan.exchangeBytes, deviceBytes: plan.deviceBytes,
            workspaceBytes: plan.workspaceBytes, programBytes: plan.programBytes, peakBytes: plan.peakBytes,
            floatingPointOperations: plan.floatingPointOperations, kernelCalls: plan.kernelCalls)
        laneBytes = plan.laneBytes
        teacherBytes = plan.teacherBytes
        divisions = plan.divisions
        leastProcesses = plan.leastProcesses
    }
}

extension JobPlan.Choice {
    /// The choice that a job has made once and keeps for life; nil if its format of frozen weights
    /// is not one of this program's.
    package init?(_ figures: PlanFigures) {
        guard let format = BaseWeights(rawValue: figures.baseWeights) else { return nil }
        self.init(
            tokenCount: figures.microBatchTokens, recomputedLayers: figures.recomputedLayers, logitsByteLimit: figures.logitsBytes,
            baseWeights: format)
    }
}
