package import JSON

extension Manifest {
    /// The manifest as it would be written with every key spelled out; reading it gives the same manifest.
    package var json: JSONNode {
        var hyperparameters: [JSONMember] = []
        if let maximumSteps {
            hyperparameters.append(JSONMember("max_steps", JSONNode(maximumSteps)))
        } else {
            hyperparameters.append(JSONMember("n_epochs", epochCount.value.map { JSONNode($0) } ?? "auto"))
        }
        hyperparameters.append(JSONMember("batch_size", batchSize.value.map { JSONNode($0) } ?? "auto"))
        switch learningRate {
        case .auto: hyperparameters.append(JSONMember("learning_rate", "auto"))
        case .rate(let rate): hyperparameters.append(JSONMember("learning_rate", JSONNode(rate)))
        case .multiplier(let multiplier): hyperparameters.append(JSONMember("learning_rate_multiplier", JSONNode(multiplier)))
        }
        var members: [JSONMember] = [JSONMember("model", JSONNode(model)), JSONMember("training_file", JSONNode(trainingFile))]
        func add(_ key: String, _ node: JSONNode?) { if let node { members.append(JSONMember(key, node)) } }
        add("validation_file", validationFile.map { JSONNode($0) })
        add("validation_split", validationSplit.map { JSONNode($0) })
        add("suffix", suffix.map { JSONNode($0) })
        if !metadata.isEmpty {
            add("metadata", JSONNode(metadata.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }))
        }
        add("seed", JSONNode(Int(truncatingIfNeeded: seed)))
        add("method", ["type": JSONNode(method.rawValue), method.rawValue: ["hyperparameters": JSONNode(hyperparameters)]])
        add("adapter", adapterJSON)
        add(
            "optimizer",
            [
                "type": "adamw", "beta1": JSONNode(optimizer.beta1), "beta2": JSONNode(optimizer.beta2),
                "epsilon": JSONNode(optimizer.epsilon),
                "weight_decay": JSONNode(optimizer.weightDecay), "weight_decay_on": JSONNode(optimizer.weightDecayOn.rawValue),
                "max_grad_norm": JSONNode(optimizer.maximumGradientNorm),
            ])
        add("schedule", ["type": JSONNode(schedule.shape.rawValue), "warmup_steps": JSONNode(schedule.warmupSteps)])
        add("train_on", JSONNode(trainOn.rawValue))
        add("shuffle", JSONNode(shuffle))
        add("max_length", JSONNode(maximumLength))
        add("on_excess", JSONNode(onExcess.rawValue))
        add(
            "checkpoint",
            JSONNode(
                (checkpoint.everySteps.map { [JSONMember("every_steps", JSONNode($0))] } ?? []) + [
                    JSONMember("keep", JSONNode(checkpoint.keep))
                ]))
        add("evaluation", evaluateEverySteps.map { ["every_steps": JSONNode($0)] })
        add("device", JSONNode(device))
        add("precision", JSONNode(precision.rawValue))
        if adapter.kind == .lora { add("base_weights", JSONNode(baseWeights.rawValue)) }
        add("priority", JSONNode(priority))
        add("not_before", notBefore.map { JSONNode($0) })
        add("time_limit", timeLimit.map { JSONNode($0) })
        add("cost_limit", costLimit.map { JSONNode($0) })
        if !after.isEmpty { add("after", JSONNode(after.map { JSONNode($0) })) }
        add("memory_limit", memoryLimit.map { JSONNode($0) })
        if isProfiled { add("profile", true) }
        return JSONNode(members)
    }

    private var adapterJSON: JSONNode {
        guard adapter.kind == .lora else { return ["type": "full"] }
        let targets: JSONNode
        switch adapter.targets {
        case .allLinear: targets = "all-linear"
        case .names(let names): targets = JSONNode(names.map { JSONNode($0) })
        }
        var members = [
            JSONMember("type", "lora"), JSONMember("rank", JSONNode(adapter.rank)), JSONMember("alpha", JSONNode(adapter.alpha)),
            JSONMember("dropout", JSONNode(adapter.dropout)), JSONMember("target_modules", targets),
            JSONMember("use_rslora", JSONNode(adapter.usesRankStabilisedScaling)),
        ]
        members.removeAll { member in adapter.inherited.contains { $0.rawValue == member.key } }
        if let initFrom = adapter.initFrom { members.append(JSONMember("init_from", JSONNode(initFrom))) }
        return JSONNode(members)
    }
}
