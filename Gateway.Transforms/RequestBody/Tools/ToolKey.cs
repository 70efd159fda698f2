namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>The member names that matter inside <c>tools</c> and <c>plugins</c>.</summary>
internal enum ToolKey
{
    /// <summary>Any other name.</summary>
    None,

    /// <summary><c>type</c> of a tool.</summary>
    Type,

    /// <summary><c>id</c> of a plugin.</summary>
    Id,

    /// <summary><c>enabled</c> of a plugin.</summary>
    Enabled,

    /// <summary><c>execution</c> of a <c>tool_search</c>.</summary>
    Execution,

    /// <summary><c>engine</c>, at any depth.</summary>
    Engine,

    /// <summary><c>preset</c>, at any depth: a named choice of models.</summary>
    Preset,

    /// <summary><c>pin_model</c> of a plugin.</summary>
    PinModel,

    /// <summary><c>tools</c>, at any depth: the tools of a subagent, of fusion or of a namespace.</summary>
    Tools,

    /// <summary><c>model</c>, at any depth.</summary>
    Model,

    /// <summary><c>models</c>, at any depth.</summary>
    Models,

    /// <summary><c>analysis_models</c>, at any depth.</summary>
    AnalysisModels,

    /// <summary><c>allowed_models</c>, at any depth.</summary>
    AllowedModels,
}
