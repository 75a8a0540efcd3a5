package import JSON
package import Manifest

/// What `status.json` says: the `fine_tuning.job` object of the OpenAI API, and all of ours under
/// the key `tala`. A rendering of the manifest, the job's ``Ledger`` and the progress of its
/// worker.
@dynamicMemberLookup
package struct JobStatus: Sendable, Hashable {
    package struct Failure: Sendable, Hashable {
        package var code: FailureCode
        package var message: String
        package var param: String?

        package init(code: FailureCode, message: String, param: String? = nil) {
            self.code = code
            self.message = message
            self.param = param
        }

        init?(json: JSONNode?) {
            guard let json, let code = json["code"]?.string else { return nil }
            self.init(
                code: FailureCode(rawValue: code) ?? .unknown, message: json["message"]?.string ?? "", param: json["param"]?.string)
        }

        var json: JSONNode {
            ["code": JSONNode(code.rawValue), "message": JSONNode(message), "param": param.map { JSONNode($0) } ?? nil]
        }
    }
    /// How far training has come.
    package struct Progress: Sendable, Hashable {
        package var step = 0
        package var totalSteps = 0
        package var epoch = 0.0
        package var trainLoss: Double?
        package var validLoss: Double?
        package var tokensPerSecond: Double?
        /// Tokens of the examples over rows that were computed, in the last step.
        package var packingEfficiency: Double?
        /// Seconds that the remaining steps will take at the present speed.
        package var remainingSeconds: Double?

        package init() {}
    }

    /// How far the reading of a data file has come.
    package struct Reading: Sendable, Hashable {
        package var file: String
        package var bytesDone: Int
        package var byteCount: Int
        package var exampleCount: Int

        package init(file: String, bytesDone: Int, byteCount: Int, exampleCount: Int) {
            self.file = file
            self.bytesDone = bytesDone
            self.byteCount = byteCount
            self.exampleCount = exampleCount
        }

        init?(json: JSONNode?) {
            guard let json, let file = json["file"]?.string else { return nil }
            self.init(
                file: file, bytesDone: json["bytes_done"]?.integer ?? 0, byteCount: json["bytes"]?.integer ?? 0,
                exampleCount: json["examples"]?.integer ?? 0)
        }

        var json: JSONNode {
            ["file": JSONNode(file), "bytes_done": JSONNode(bytesDone), "bytes": JSONNode(byteCount), "examples": JSONNode(exampleCount)]
        }
    }

    package var id: String
    package var createdAt: Int
    package var estimatedFinish: Int?
    package var model: String
    package var trainingFile: String
    package var validationFile: String?
    package var seed: Int
    package var suffix: String?
    package var metadata: [String: String] = [:]
    package var method: String
    /// The hyperparameters as the manifest has them.
    package var hyperparameters: JSONNode
    /// State, usage, plan and all else that must survive.
    package var ledger: Ledger
    // What follows stands under "tala", as most of the ledger does.
    package var progress = Progress()
    /// The file that is being read and checked, while one is.
    package var reading: Reading?
    /// Why the processor stands in for a graphics processor that is there; nil where it does not.
    package var deviceWarning: String?
    package var owner: Int?
    package var priority = 0
    /// Nil for a job that was submitted alone.
    package var sweep: SweepPlace?
    /// Money, by the prices of the day on which the job was accepted.
    package var cost: Double?
    package var currency: String?

    package subscript<Value>(dynamicMember member: KeyPath<Ledger, Value>) -> Value { ledger[keyPath: member] }

    package subscript<Value>(dynamicMember member: WritableKeyPath<Ledger, Value>) -> Value {
        get { ledger[keyPath: member] }
        set { ledger[keyPath: member] = newValue }
    }

    package init(id: String, state: JobState, createdAt: Int, manifest: Manifest) {
        self.init(id: id, ledger: Ledger(state: state), createdAt: createdAt, manifest: manifest)
    }

    package init(id: String, ledger: Ledger, createdAt: Int, manifest: Manifest) {
        self.id = id
        self.ledger = ledger
        self.createdAt = createdAt
        model = manifest.model
        trainingFile = manifest.trainingFile
        validationFile = manifest.validationFile
        seed = Int(truncatingIfNeeded: manifest.seed)
        suffix = manifest.suffix
        metadata = manifest.metadata
        method = manifest.method.word
        priority = manifest.priority
        let all = manifest.json
        hyperparameters = all["method"]?[manifest.method.word]?["hyperparameters"] ?? JSONNode([JSONMember]())
    }

    /// A status as another one in every other respect, for one that is made anew from a job's
    /// files: there is no step from an earlier state then.
    package init(copying status: JobStatus, in state: JobState) {
        self = status
        ledger = ledger.assuming(state)
    }

    /// The status of a job that has ended because nothing says any more what it was.
    package init(id: String, lostAt time: Int, createdAt: Int, error: Failure) {
        self.id = id
        self.createdAt = createdAt
        ledger = Ledger(state: .failed)
        (model, trainingFile, seed, method) = ("", "", 0, Manifest.Supervised.word)
        hyperparameters = JSONNode([JSONMember]())
        ledger.error = error
        ledger.finishedAt = time
    }

    /// Gives the job its next state. To stay in a state is no change.
    /// - Throws: ``ForbiddenChange`` where the life of a job has no such step.
    package mutating func become(_ next: JobState) throws(ForbiddenChange) {
        try ledger.become(next, job: id)
    }

    package var json: JSONNode {
        func optional(_ text: String?) -> JSONNode { text.map { JSONNode($0) } ?? nil }
        func optional(_ number: Int?) -> JSONNode { number.map { JSONNode($0) } ?? nil }
        func optional(_ number: Double?) -> JSONNode { number.map { JSONNode($0) } ?? nil }
        let ledger = ledger
        let progressNode: JSONNode = [
            "step": JSONNode(progress.step), "total_steps": JSONNode(progress.totalSteps), "epoch": JSONNode(progress.epoch),
            "train_loss": optional(progress.trainLoss), "valid_loss": optional(progress.validLoss),
            "tokens_per_second": optional(progress.tokensPerSecond), "useful_token_share": optional(progress.packingEfficiency),
            "remaining_seconds": optional(progress.remainingSeconds),
        ]
        var ours: JSONNode = [
            "progress": progressNode, "reading": reading?.json ?? nil, "device": optional(ledger.device),
            "device_warning": optional(deviceWarning),
            "reason": optional(ledger.reason?.rawValue),
            "owner": optional(owner),
            "priority": JSONNode(priority),
            "checkpoint": optional(ledger.checkpoint), "attempts": JSONNode(ledger.attempts),
            "needed_bytes": optional(ledger.neededBytes),
            "plan": ledger.plan?.json ?? nil,
            "checkpointed_at": optional(ledger.checkpointedAt), "crashes": ledger.crashes?.json ?? nil, "usage": ledger.usage.json,
            "granted": ledger.grantedUsage.json, "cost": optional(cost), "currency": optional(currency),
        ]
        if let sweep { ours = JSONNode((ours.object ?? []) + [JSONMember("sweep", sweep.json)]) }
        return [
            "id": JSONNode(id), "object": "fine_tuning.job", "created_at": JSONNode(createdAt), "finished_at": optional(ledger.finishedAt),
            "estimated_finish": optional(estimatedFinish), "model": JSONNode(model), "fine_tuned_model": optional(ledger.fineTunedModel),
            "organization_id": "local", "status": JSONNode(ledger.state.rawValue), "hyperparameters": hyperparameters,
            "method": ["type": JSONNode(method), method: ["hyperparameters": hyperparameters]],
            "training_file": trainingFile.isEmpty ? nil : JSONNode(trainingFile),
            "validation_file": optional(validationFile), "result_files": JSONNode(ledger.resultFiles.map { JSONNode($0) }),
            "trained_tokens": optional(ledger.trainedTokens), "seed": JSONNode(seed), "user_provided_suffix": optional(suffix),
            "metadata": JSONNode(metadata.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }), "integrations": [],
            "error": ledger.error?.json ?? nil,
            "tala": ours,
        ]
    }

    /// Reads a status that this program wrote; nil if it is none.
    package init?(json: JSONNode) {
        guard let id = json["id"]?.string, let word = json["status"]?.string, let state = JobState(rawValue: word),
            let createdAt = json["created_at"]?.integer, let model = json["model"]?.string, let file = json["training_file"],
            let trainingFile = file.isNull ? "" : file.string
        else { return nil }
        self.id = id
        ledger = Ledger(state: state)
        self.createdAt = createdAt
        self.model = model
        self.trainingFile = trainingFile
        estimatedFinish = json["estimated_finish"]?.integer
        validationFile = json["validation_file"]?.string
        seed = json["seed"]?.integer ?? 0
        suffix = json["user_provided_suffix"]?.string
        for member in json["metadata"]?.object ?? [] { metadata[member.key] = member.node.string }
        method = json["method"]?["type"]?.string ?? "supervised"
        hyperparameters = json["hyperparameters"] ?? JSONNode([JSONMember]())
        ledger.finishedAt = json["finished_at"]?.integer
        ledger.fineTunedModel = json["fine_tuned_model"]?.string
        ledger.resultFiles = json["result_files"]?.array?.compactMap(\.string) ?? []
        ledger.trainedTokens = json["trained_tokens"]?.integer
        ledger.error = Failure(json: json["error"])
        guard let ours = json["tala"] else { return }
        reading = Reading(json: ours["reading"])
        ledger.device = ours["device"]?.string
        deviceWarning = ours["device_warning"]?.string
        ledger.reason = ours["reason"]?.string.flatMap(StateReason.init(rawValue:))
        owner = ours["owner"]?.integer
        priority = ours["priority"]?.integer ?? 0
        ledger.checkpoint = ours["checkpoint"]?.string
        ledger.attempts = ours["attempts"]?.integer ?? 0
        ledger.neededBytes = ours["needed_bytes"]?.integer
        ledger.plan = PlanFigures(json: ours["plan"])
        ledger.checkpointedAt = ours["checkpointed_at"]?.integer
        ledger.crashes = CrashRecord(json: ours["crashes"])
        ledger.usage = Usage(json: ours["usage"])
        ledger.grantedUsage = Usage.Amount(json: ours["granted"])
        cost = ours["cost"]?.double
        currency = ours["currency"]?.string
        sweep = SweepPlace(json: ours["sweep"])
        if let progress = ours["progress"] {
            self.progress.step = progress["step"]?.integer ?? 0
            self.progress.totalSteps = progress["total_steps"]?.integer ?? 0
            self.progress.epoch = progress["epoch"]?.double ?? 0
            self.progress.trainLoss = progress["train_loss"]?.double
            self.progress.validLoss = progress["valid_loss"]?.double
            self.progress.tokensPerSecond = progress["tokens_per_second"]?.double
            self.progress.packingEfficiency = progress["useful_token_share"]?.double
            self.progress.remainingSeconds = progress["remaining_seconds"]?.double
        }
    }
}
