namespace Gateway.Configuration.Model;

/// <summary>Section <c>Limits</c>: the store of limits and budgets, and the assumptions of reservations.</summary>
internal sealed record LimitsSettings
{
    /// <summary>Where limits and budgets are counted. Default <c>Memory</c>; restart.</summary>
    public LimitsStore Store { get; init; }

    /// <summary>The Redis that nodes share. Restart.</summary>
    public RedisSettings Redis { get; init; } = new();

    /// <summary>The policy while the store does not answer. Reloaded.</summary>
    public WhenStoreFailsSettings WhenStoreFails { get; init; } = new();

    /// <summary>
    /// Completion tokens that a reservation assumes for a call without an output cap, 1 to 10,000,000. Default 4096; reloaded.
    /// </summary>
    public int AssumedCompletionTokens { get; init; } = 4096;

    /// <summary>
    /// Whether a team with a budget may call a model without a known price; its reservation is then zero. Default off: 402. Reloaded.
    /// </summary>
    public bool AllowUnknownPrices { get; init; }

    /// <summary>
    /// Whether calls of teams with a budget carry a <c>max_price</c> of the reservation's prices, so that no more expensive provider serves
    /// them. Default off; reloaded.
    /// </summary>
    public bool WriteMaxPrice { get; init; }

    /// <summary>Prices that override upstream's list, for models that it lacks. Reloaded.</summary>
    public IReadOnlyList<ModelPriceSettings> Prices { get; init; } = [];
}

/// <summary>Kinds of stores for limits and budgets.</summary>
internal enum LimitsStore
{
    /// <summary>This process; budgets are restored from the ledger at a start.</summary>
    Memory,

    /// <summary>A Redis that several nodes share.</summary>
    Redis,
}

/// <summary>The Redis that limits and budgets are counted in.</summary>
internal sealed record RedisSettings
{
    /// <summary>
    /// Configuration string as StackExchange.Redis reads it, or a reference to one: <c>env:NAME</c>, <c>file:PATH</c>. Default
    /// <c>localhost:6379</c>; restart.
    /// </summary>
    public string Configuration { get; init; } = "localhost:6379";

    /// <summary>The prefix of every key. Default <c>ogw:</c>; restart.</summary>
    public string KeyPrefix { get; init; } = "ogw:";

    /// <summary>The longest time that a request waits for an answer. Default <c>00:00:00.250</c>; restart.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(250);
}

/// <summary>The policy while the store of limits and budgets does not answer.</summary>
internal sealed record WhenStoreFailsSettings
{
    /// <summary>Limits. Default <c>Allow</c>; reloaded.</summary>
    public FailurePolicy Limits { get; init; } = FailurePolicy.Allow;

    /// <summary>Budgets. Default <c>Refuse</c>: the answer is 503; reloaded.</summary>
    public FailurePolicy Budgets { get; init; } = FailurePolicy.Refuse;
}

/// <summary>A model's price, in US dollars as decimal text, as OpenRouter's list writes it.</summary>
internal sealed record ModelPriceSettings
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>Price of a prompt token. Required.</summary>
    public required string Prompt { get; init; }

    /// <summary>Price of a completion token. Required.</summary>
    public required string Completion { get; init; }

    /// <summary>Price of a request. Default <c>0</c>.</summary>
    public string Request { get; init; } = "0";
}
