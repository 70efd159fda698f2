using System.Text;
using Gateway.Configuration.Model;
using Gateway.Primitives;
using Gateway.Secrets;
using StackExchange.Redis;

namespace Gateway.Configuration.Reading;

/// <summary>Checks the values of section <c>Limits</c>, and the relations between them.</summary>
internal static class LimitsSettingsCheck
{
    private const string Configuration = "Redis:Configuration";
    private const int LongestPrefix = 64;
    private const int MostTokens = 10_000_000;

    // English prose has about as many. A reservation that assumes more is less than most bills.
    private const int MostBytesPerToken = 4;
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestHold = TimeSpan.FromDays(30);

    /// <summary>Checks the section.</summary>
    /// <param name="given">The section as read.</param>
    /// <param name="usage">The store of the ledger, from which budgets are restored.</param>
    /// <param name="faults">Receives faults and warnings.</param>
    /// <param name="secrets">Resolves references.</param>
    /// <returns>The settings with secrets masked, and the Redis configuration if the store is Redis.</returns>
    public static (LimitsSettings Settings, SecretText? Redis) Check(
        LimitsSettings given, UsageStore usage, SettingsFaultCollector faults, SecretReader secrets)
    {
        faults.Range("AssumedCompletionTokens", given.AssumedCompletionTokens, 1, MostTokens);
        faults.Range("BytesPerToken", given.BytesPerToken, 1, MostBytesPerToken);
        faults.Range("UnknownHold", given.UnknownHold, TimeSpan.Zero, LongestHold);
        faults.Range("Redis:Timeout", given.Redis.Timeout, TimeSpan.FromMilliseconds(1), LongestTimeout);
        if (given.Redis.KeyPrefix is not { Length: > 0 and <= LongestPrefix } prefix || prefix.Any(c => c is <= ' ' or >= '\u007F'))
        {
            faults.Fault("Redis:KeyPrefix", $"expected 1 to {LongestPrefix} printable ASCII characters without blanks");
        }

        var models = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < given.Prices.Count; i++)
        {
            Check(given.Prices[i], i, models, faults);
        }

        var redis = given.Store == LimitsStore.Redis ? ReadRedis(given.Redis.Configuration, faults, secrets) : null;
        if (given.Store == LimitsStore.Redis && usage == UsageStore.Sqlite)
        {
            faults.Warn(
                "Store", "Redis with Usage:Store Sqlite: a budget lost by Redis is restored from the ledger of this node only");
        }

        return (
            given with
            {
                Redis = given.Redis with { Configuration = SettingFormats.Shown(given.Redis.Configuration) },
            },
            redis);
    }

    private static void Check(ModelPriceSettings price, int index, Dictionary<string, int> models, SettingsFaultCollector faults)
    {
        if (string.IsNullOrWhiteSpace(price.Model))
        {
            faults.Fault($"Prices:{index}:Model", "is empty; expected the name of a model");
        }
        else if (!models.TryAdd(price.Model.Trim(), index))
        {
            var first = faults.PathOf($"Prices:{models[price.Model.Trim()]}");
            faults.Fault($"Prices:{index}:Model", $"\"{price.Model}\" already has its price at {first}");
        }

        CheckAmount("Prompt", price.Prompt);
        CheckAmount("Completion", price.Completion);
        CheckAmount("Request", price.Request ?? "0");

        void CheckAmount(string name, string text)
        {
            if (!PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var amount) || amount < PicoDollars.Zero)
            {
                faults.Fault($"Prices:{index}:{name}", $"got \"{text}\"; expected US dollars such as \"0.0000025\"");
            }
        }
    }

    private static SecretText? ReadRedis(string text, SettingsFaultCollector faults, SecretReader secrets)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            faults.Fault(Configuration, "is missing; expected a configuration such as localhost:6379, env:NAME or file:PATH");
            return null;
        }

        if (secrets.Read(text, allowsLiteral: true, Configuration, faults) is not { } configuration)
        {
            return null;
        }

        try
        {
            if (ConfigurationOptions.Parse(configuration).EndPoints.Count == 0)
            {
                faults.Fault(Configuration, "names no server; expected one such as localhost:6379");
            }
        }
        catch (Exception bad) when (bad is ArgumentException or FormatException or OverflowException)
        {
            // The exception's message may quote the secret.
            faults.Fault(
                Configuration, "is not a valid StackExchange.Redis configuration; expected one such as localhost:6379,password=…");
        }

        return new SecretText(configuration);
    }
}
