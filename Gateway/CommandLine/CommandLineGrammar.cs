using System.CommandLine;
using System.CommandLine.Help;

namespace Gateway.CommandLine;

/// <summary>The flags and sub-commands, with their help texts.</summary>
internal sealed class CommandLineGrammar
{
    /// <summary>Response files are off: <c>@preset/x=A</c> is a mapping and not a file name.</summary>
    private static readonly ParserConfiguration Configuration = new() { ResponseFileTokenReplacer = null };

    public CommandLineGrammar()
    {
        Root.Options.Clear();
        Root.Directives.Clear();
        foreach (Option option in (Option[])[Port, Ip, Https, CertPath, KeyPath, BaseUrl, Mapping, Config, Verbose, Environment,
            ContentRoot, ApplicationName, Help, Version])
        {
            Root.Add(option);
        }

        Check.Add(CheckJson);
        Check.Add(CheckSchema);
        Explain.Add(ExplainModel);
        Explain.Add(ExplainBody);
        Explain.Add(ExplainPath);
        Explain.Add(ExplainTeam);
        Explain.Add(ExplainKey);
        KeysNew.Add(KeyTeam);
        KeysNew.Add(KeyLabel);
        KeysNew.Add(KeyExpires);
        Keys.Add(KeysNew);
        foreach (Option option in (Option[])[UsageGroup, UsageTeam, UsageKey, UsageModel, UsageFrom, UsageTo, UsageLast, UsageUnresolved,
            UsageFormat, UsageCsv])
        {
            Usage.Add(option);
        }

        Root.Add(Check);
        Root.Add(Explain);
        Root.Add(Health);
        Root.Add(Keys);
        Root.Add(Usage);
        WriteOff.Add(WriteOffTeam);
        WriteOff.Add(WriteOffUntil);
        WriteOff.Add(WriteOffId);
        WriteOff.Add(WriteOffReason);
        WriteOff.Add(WriteOffDryRun);
        Root.Add(WriteOff);

        // System.CommandLine only parses. Without an action it would report a missing sub-command as an error.
        Root.SetAction(_ => 0);
        Check.SetAction(_ => 0);
        Explain.SetAction(_ => 0);
        Health.SetAction(_ => 0);
        Keys.SetAction(_ => 0);
        KeysNew.SetAction(_ => 0);
        Usage.SetAction(_ => 0);
        WriteOff.SetAction(_ => 0);
    }

    public Option<string> Port { get; } = Value("--port", "PORT", "Listening port; 0 lets the system choose [default: 3000]", "-p");
    public Option<string> Ip { get; } = Value("--ip", "ADDRESS", "Listening address [default: 0.0.0.0]", "-i");
    public Option<bool?> Https { get; } =
        new("--https") { Description = "Serve TLS; needs --cert-path and --key-path", Recursive = true, HelpName = "true|false" };
    public Option<string> CertPath { get; } = Value("--cert-path", "PATH", "PEM file with the certificate and its chain");
    public Option<string> KeyPath { get; } = Value("--key-path", "PATH", "PEM file with the private key");
    public Option<string> BaseUrl { get; } =
        Value("--openrouter-base-url", "URL", "Address of OpenRouter's API [default: https://openrouter.ai/api/v1]");
    public Option<string> Mapping { get; } =
        Value("--model-provider-mapping", "PATTERN=P1,P2", "Providers for models that match the pattern, in order; repeatable");
    public Option<string> Config { get; } =
        Value("--config", "PATH", "Settings file [default: appsettings.json in the working directory, else beside the program]");
    public Option<bool> Verbose { get; } = new("--verbose")
    {
        Description = "Per-request detail in the log; no bodies, no keys",
        Recursive = true,
        Arity = ArgumentArity.Zero,
    };
    public HelpOption Help { get; } = new() { Description = "Show this help" };
    public Option<bool> Version { get; } =
        new("--version") { Description = "Show the version", Recursive = true, Arity = ArgumentArity.Zero };

    // WebApplicationFactory passes these three flags. Only the first is used.
    public Option<string> Environment { get; } = Hidden("--environment");
    public Option<string> ContentRoot { get; } = Hidden("--contentRoot");
    public Option<string> ApplicationName { get; } = Hidden("--applicationName");

    public Option<bool> CheckJson { get; } = new("--json") { Description = "Print JSON", Recursive = true, Arity = ArgumentArity.Zero };

    public Option<bool> CheckSchema { get; } = new("--schema")
    {
        Description = "Print the JSON Schema of the settings file; reads no settings",
        Recursive = true,
        Arity = ArgumentArity.Zero,
    };

    public Option<string> ExplainModel { get; } = Value("--model", "NAME", "The requested model");
    public Option<string> ExplainBody { get; } = Value("--body", "FILE", "File with the request body");
    public Option<string> ExplainPath { get; } = Value("--path", "PATH", "The request path [default: /v1/chat/completions]");
    public Option<string> ExplainTeam { get; } = Value("--team", "ID", "The team that sends the request");
    public Option<string> ExplainKey { get; } = Value("--key", "LABEL", "The key of the team that the request carries");

    public Option<string> KeyTeam { get; } = Value("--team", "ID", "The team of the key; it need not exist yet");
    public Option<string> KeyLabel { get; } = Value("--label", "LABEL", "Name of the key in reports");
    public Option<string> KeyExpires { get; } = Value("--expires", "TIME", "When the key expires, as ISO 8601 with an offset");

    public Option<string> UsageGroup { get; } =
        Value("--group", "NAME,…", "One or more of team, key, model, provider, rule, day, month [default: team]");
    public Option<string> UsageTeam { get; } = Value("--team", "ID", "Only this team; repeatable");
    public Option<string> UsageKey { get; } = Value("--key", "LABEL", "Only the key with this label, or team/label; repeatable");
    public Option<string> UsageModel { get; } = Value("--model", "NAME", "Only this model; * stands for any characters; repeatable");
    public Option<string> UsageFrom { get; } = Value("--from", "TIME", "Start, inclusive: a date, or a time such as 2026-11-01T00:00:00Z");
    public Option<string> UsageTo { get; } = Value("--to", "TIME", "End, exclusive");
    public Option<string> UsageLast { get; } = Value("--last", "PERIOD", "The last hours, days or weeks up to now: 24h, 7d, 4w");
    public Option<bool> UsageUnresolved { get; } =
        new("--unresolved") { Description = "Only calls whose bill is unknown", Recursive = true, Arity = ArgumentArity.Zero };
    public Option<string> UsageFormat { get; } = Value("--format", "FORMAT", "table, csv or json [default: table]");
    public Option<bool> UsageCsv { get; } = new("--csv") { Description = "The same as --format csv", Recursive = true, Arity = ArgumentArity.Zero };

    public Option<string> WriteOffTeam { get; } = Value("--team", "ID", "The team; it need not be configured any more");
    public Option<string> WriteOffUntil { get; } =
        Value("--until", "TIME", "Only calls before this time: a date, or a time such as 2026-11-01T00:00:00Z");
    public Option<string> WriteOffId { get; } = Value("--id", "ID", "Only this call: its generation id, or the id that --dry-run prints");
    public Option<string> WriteOffReason { get; } = Value("--reason", "TEXT", "Why the calls cost nothing; the ledger keeps it");
    public Option<bool> WriteOffDryRun { get; } =
        new("--dry-run") { Description = "Only print the calls", Recursive = true, Arity = ArgumentArity.Zero };

    public RootCommand Root { get; } = new(
        "A gateway in front of openrouter.ai that decides from the model name which providers may serve a request.");
    public Command Check { get; } = new("check", "Validate the settings and print what they mean; exit code 1 on a fault");
    public Command Explain { get; } = new("explain", "Show which rules apply to a request, why, and the rewritten body");
    public Command Health { get; } = new(
        "health", "Check that the gateway with these settings is alive; exit code 1 if not");
    public Command Keys { get; } = new("keys", "Keys of the teams' clients");
    public Command KeysNew { get; } = new("new", "Create a key, and print it once with the JSON for the settings; reads no settings");
    public Command Usage { get; } = new("usage", "Print usage and cost from the ledger of these settings");

    public Command WriteOff { get; } = new(
        "write-off", "Set calls of unknown cost in the ledger of these settings to zero, with a reason; prints their count and sum");

    /// <summary>Parses arguments into flags, values and unmatched tokens.</summary>
    public ParseResult Parse(IReadOnlyList<string> args) => Root.Parse(args, Configuration);

    private static Option<string> Value(string name, string valueName, string description, params string[] aliases) =>
        new(name, aliases) { HelpName = valueName, Description = description, Recursive = true };

    private static Option<string> Hidden(string name) => new(name) { Hidden = true, Recursive = true };
}
