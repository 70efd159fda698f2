using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Soak;

/// <summary>
/// The gateway's settings, in successive versions: the shipped ones with rules, 200 teams, a ledger and the admin address. The version is
/// part of the last rule's name and of its block.
/// </summary>
internal sealed class SoakSettings
{
    /// <summary>The ordinary teams, whose limits and budgets never refuse.</summary>
    public static readonly Range Ordinary = 0..180;

    /// <summary>Teams that exist only in versions with an even number.</summary>
    public static readonly Range Guests = 180..195;

    /// <summary>Teams with a low limit of requests per minute.</summary>
    public static readonly Range Narrow = 195..197;

    /// <summary>Teams whose budget is too small for any request.</summary>
    public static readonly Range Poor = 197..199;

    /// <summary>Teams that may not use the model.</summary>
    public static readonly Range Denied = 199..200;

    private const string RulePrefix = "soak-";
    private const int Teams = 200;

    private readonly string _shipped;
    private readonly string _folder;
    private readonly int _adminPort;
    private readonly Action<JsonNode>? _complete;

    /// <param name="shipped">The text of the shipped settings.</param>
    /// <param name="folder">A folder for this run, for the ledger and the secret.</param>
    /// <param name="adminPort">The port of the admin address.</param>
    /// <param name="complete">Changes the sections that all versions share.</param>
    public SoakSettings(string shipped, string folder, int adminPort, Action<JsonNode>? complete = null)
    {
        _complete = complete;
        _shipped = shipped;
        _folder = folder;
        _adminPort = adminPort;
        File.WriteAllText(SecretPath, "sk-or-v1-soak");
    }

    /// <summary>The ledger's file.</summary>
    public string LedgerPath => Path.Combine(_folder, "usage.db");

    private string SecretPath => Path.Combine(_folder, "openrouter-key");

    /// <summary>The key of a team.</summary>
    public static string KeyOf(int team) => "ogw-soak-" + team.ToString("D3", CultureInfo.InvariantCulture) + new string('0', 32);

    /// <summary>The key of a random one of these teams.</summary>
    public static string KeyOf(Range teams, Prng prng) => KeyOf(prng.Between(teams.Start.Value, teams.End.Value - 1));

    /// <summary>Whether the guest teams exist in a version.</summary>
    public static bool HasGuests(int version) => version % 2 == 0;

    /// <summary>The version in the name of a rule; <see langword="null"/> for another rule or none.</summary>
    public static int? VersionOf(string? rule) =>
        rule?.StartsWith(RulePrefix, StringComparison.Ordinal) == true
        && int.TryParse(rule.AsSpan(RulePrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : null;

    /// <summary>The text that the rule of a version inserts into a body.</summary>
    public static string InsertedBy(int version) =>
        $"\"order\":[\"Azure\",\"OpenAI\"],\"max_price\":{{\"prompt\":{Bodies.Number(1000 + version)}}}";

    /// <summary>The settings of a version.</summary>
    public string Render(int version)
    {
        var settings = JsonNode.Parse(
            _shipped,
            documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!;
        settings["ProviderMapping"]!["Rules"] = JsonNode.Parse(
            $$"""
            [
              { "Model": "*anthropic/claude*", "Provider": { "order": [ "Anthropic", "Google" ] } },
              { "Model": "google/*", "Provider": { "order": [ "Google AI Studio" ] } },
              { "Model": [ "mistralai/*", "*/magistral*" ], "Provider": { "only": [ "mistral" ] } },
              { "Model": "*:free", "Provider": { "data_collection": "deny" } },
              { "Name": "{{RulePrefix}}{{version}}", "Model": "openai/*", "Provider": { {{InsertedBy(version)}} } }
            ]
            """);
        var teams = Enumerable.Range(0, Teams).Where(team => HasGuests(version) || !IsIn(Guests, team));
        settings["Teams"] = new JsonArray([.. teams.Select(team => Team(team, version))]);
        settings["Usage"] = new JsonObject
        {
            ["Sqlite"] = new JsonObject { ["Path"] = LedgerPath },
            ["PricesPath"] = Path.Combine(_folder, "prices.json"),
        };
        settings["Admin"] = new JsonObject { ["Url"] = $"http://127.0.0.1:{_adminPort}" };
        _complete?.Invoke(settings);
        return settings.ToJsonString();
    }

    private static bool IsIn(Range range, int team) => team >= range.Start.Value && team < range.End.Value;

    private JsonNode Team(int number, int version)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(KeyOf(number))));
        var perMinute = IsIn(Narrow, number) ? 30 : 1_000_000 + version;
        var budget = IsIn(Poor, number) ? "0.000001" : "1000000";
        var denied = IsIn(Denied, number) ? $"\"DeniedModels\": [ \"{Bodies.Model}\" ]," : "";
        return JsonNode.Parse(
            $$"""
            {
              "Id": "team-{{number}}",
              "Keys": [ { "Label": "soak", "Sha256": "{{hash}}" } ],
              "OpenRouterKey": "file:{{SecretPath}}", {{denied}}
              "Limits": { "RequestsPerMinute": {{perMinute}}, "TokensPerMinute": 1000000000, "ConcurrentRequests": 100000 },
              "Budget": { "Usd": {{budget}}, "Period": "Month" }
            }
            """)!;
    }
}
