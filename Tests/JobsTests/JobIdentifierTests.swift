import JSON
import Jobs
import Manifest
import Testing

@Suite struct JobIdentifierTests {
    @Test func idsSortByTimeAndAreRecognised() {
        let ids = (0..<50).map { JobIdentifier.job(milliseconds: 1_700_000_000_000 + $0 * 1000) }
        #expect(ids == ids.sorted() && ids.allSatisfy { JobIdentifier.isJob($0) })
        for word in ["ftjob-", "ftjob-../../etc", "ftjob-01ARZ3NDEKTSV4RRFFQ69G5FAV", "x"] { #expect(!JobIdentifier.isJob(word)) }
    }

    @Test func aFinalStateIsNeverLeft() {
        for state in JobState.allCases where state.isFinal { for next in JobState.allCases { #expect(!state.mayBecome(next)) } }
    }

    @Test func aStatusIsReadBackAsItWasWritten() throws {
        var status = JobStatus(id: "ftjob-x", state: .running, createdAt: 5, manifest: Manifest(model: "m", trainingFile: "t.jsonl"))
        status.progress.step = 3
        status.progress.trainLoss = 0.1
        status.error = .init(code: .notFinite, message: "m", param: "p")
        status.checkpoint = "step-000003"
        let again = try #require(JobStatus(json: JSONParser().parse(JSONWriter().string(status.json))))
        #expect(JSONWriter().string(again.json) == JSONWriter().string(status.json))
    }
}
