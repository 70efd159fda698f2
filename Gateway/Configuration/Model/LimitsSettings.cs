using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Limits</c>: the store of limits and budgets, and the assumptions for reservations.</summary>
internal sealed record LimitsSettings : ISettings<LimitsSettings>
{
    /// <summary>The store of limits and budgets. Default: <c>Memory</c>. Requires a restart.</summary>
    public LimitsStore Store { get; init; }

    /// <summary>The Redis server that nodes share. Requires a restart.</summary>
    public RedisSettings Redis { get; init; } = new();

    /// <summary>The policy while the store does not respond. Reloadable.</summary>
    public WhenStoreFailsSettings WhenStoreFails { get; init; } = new();

    /// <summary>
    /// The completion tokens that a reservation assumes for a request without an output cap, 1 to 10,000,000. Default: 4096. Reloadable.
    /// </summary>
    public int AssumedCompletionTokens { get; init; } = 4096;

    /// <summary>The bytes of text that a reservation assumes per prompt token, 1 to 4. Default: 2. Reloadable.</summary>
    public int BytesPerToken { get; init; } = 2;

    /// <summary>
    /// The time for which a call of unknown cost counts against its budget at its reservation, up to 30 days. Default: <c>01:00:00</c>.
    /// Reloadable.
    /// </summary>
    public TimeSpan UnknownHold { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Whether a team with a budget may call a model without a known price; the reservation is then zero. Default: off, the response is
    /// 402. Reloadable.
    /// </summary>
    public bool AllowUnknownPrices { get; init; }

    /// <summary>
    /// Whether requests of teams with a budget carry a <c>max_price</c> of the reservation's prices, so that no more expensive provider
    /// serves them. Default: off. Reloadable.
    /// </summary>
    public bool WriteMaxPrice { get; init; }

    /// <summary>Prices that replace those of upstream's price list, or stand for models that are missing from it. Reloadable.</summary>
    public IReadOnlyList<ModelPriceSettings> Prices { get; init; } = [];

    /// <inheritdoc/>
    public static LimitsSettings Create(SettingsMembers members)
    {
        var defaults = new LimitsSettings();
        return new LimitsSettings
        {
            Store = members.Word(nameof(Store), defaults.Store),
            Redis = members.Object<RedisSettings>(nameof(Redis)),
            WhenStoreFails = members.Object<WhenStoreFailsSettings>(nameof(WhenStoreFails)),
            AssumedCompletionTokens = members.Int32(nameof(AssumedCompletionTokens), defaults.AssumedCompletionTokens),
            BytesPerToken = members.Int32(nameof(BytesPerToken), defaults.BytesPerToken),
            UnknownHold = members.Duration(nameof(UnknownHold), defaults.UnknownHold),
            AllowUnknownPrices = members.Flag(nameof(AllowUnknownPrices), defaults.AllowUnknownPrices),
            WriteMaxPrice = members.Flag(nameof(WriteMaxPrice), defaults.WriteMaxPrice),
            Prices = members.List<ModelPriceSettings>(nameof(Prices)),
        };
    }
}

/// <summary>Kinds of stores for limits and budgets.</summary>
internal enum LimitsStore
{
    /// <summary>The memory of this process. Budgets are restored from the ledger at a start.</summary>
    Memory,

    /// <summary>A Redis server that several nodes share.</summary>
    Redis,
}

/// <summary>The Redis server with the counters of limits and budgets.</summary>
internal sealed record RedisSettings : ISettings<RedisSettings>
{
    /// <summary>
    /// A configuration string of StackExchange.Redis, or a reference to one: <c>env:NAME</c>, <c>file:PATH</c>. Default:
    /// <c>localhost:6379</c>. Requires a restart.
    /// </summary>
    public string Configuration { get; init; } = "localhost:6379";

    /// <summary>The prefix of every key. Default: <c>ogw:</c>. Requires a restart.</summary>
    public string KeyPrefix { get; init; } = "ogw:";

    /// <summary>The maximum wait of a request for a response of Redis. Default: <c>00:00:00.250</c>. Requires a restart.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc/>
    public static RedisSettings Create(SettingsMembers members)
    {
        var defaults = new RedisSettings();
        return new RedisSettings
        {
            Configuration = members.Secret(nameof(Configuration), defaults.Configuration),
            KeyPrefix = members.Text(nameof(KeyPrefix), defaults.KeyPrefix),
            Timeout = members.Duration(nameof(Timeout), defaults.Timeout),
        };
    }
}

/// <summary>The policy while the store of limits and budgets does not respond.</summary>
internal sealed record WhenStoreFailsSettings : ISettings<WhenStoreFailsSettings>
{
    /// <summary>The policy for limits. Default: <c>Allow</c>. Reloadable.</summary>
    public FailurePolicy Limits { get; init; } = FailurePolicy.Allow;

    /// <summary>The policy for budgets. Default: <c>Refuse</c>, the response is 503. Reloadable.</summary>
    public FailurePolicy Budgets { get; init; } = FailurePolicy.Refuse;

    /// <inheritdoc/>
    public static WhenStoreFailsSettings Create(SettingsMembers members)
    {
        var defaults = new WhenStoreFailsSettings();
        return new WhenStoreFailsSettings
        {
            Limits = members.Word(nameof(Limits), defaults.Limits),
            Budgets = members.Word(nameof(Budgets), defaults.Budgets),
        };
    }
}

/// <summary>A model's price, in US dollars as decimal text, in the format of OpenRouter's list.</summary>
internal sealed record ModelPriceSettings : ISettings<ModelPriceSettings>
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>Price of a prompt token. Required.</summary>
    public required string Prompt { get; init; }

    /// <summary>Price of a completion token. Required.</summary>
    public required string Completion { get; init; }

    /// <summary>Price of a request. Default: the listed one.</summary>
    public string? Request { get; init; }

    /// <inheritdoc/>
    public static ModelPriceSettings Create(SettingsMembers members) => new()
    {
        Model = members.Text(nameof(Model)),
        Prompt = members.Text(nameof(Prompt)),
        Completion = members.Text(nameof(Completion)),
        Request = members.OptionalText(nameof(Request)),
    };
}
