using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Reflection;
using Gateway.Configuration.Reading;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Reports;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.CommandLine;

/// <summary>
/// Reads the command line: arguments in, typed values and faults out; touches nothing else. System.CommandLine splits the arguments,
/// but the values are checked here: its own messages stop at the first fault of a flag and do not say what was expected.
/// </summary>
internal sealed class CommandLineReader
{
    /// <summary>Response files are off, so that <c>@preset/x=A</c> is a mapping and not a file to read.</summary>
    private static readonly ParserConfiguration Configuration = new() { ResponseFileTokenReplacer = null };

    private readonly Option<string> _port = Value("--port", "PORT", "Listening port; 0 lets the system choose [default: 3000]", "-p");
    private readonly Option<string> _ip = Value("--ip", "ADDRESS", "Listening address [default: 0.0.0.0]", "-i");
    private readonly Option<bool?> _https =
        new("--https") { Description = "Serve TLS; needs --cert-path and --key-path", Recursive = true, HelpName = "true|false" };
    private readonly Option<string> _certPath = Value("--cert-path", "PATH", "PEM file with the certificate and its chain");
    private readonly Option<string> _keyPath = Value("--key-path", "PATH", "PEM file with the private key");
    private readonly Option<string> _baseUrl =
        Value("--openrouter-base-url", "URL", "Where OpenRouter's API is [default: https://openrouter.ai/api/v1]");
    private readonly Option<string> _mapping =
        Value("--model-provider-mapping", "PATTERN=P1,P2", "Providers for the models of a pattern, in order; may be given several times");
    private readonly Option<string> _config =
        Value("--config", "PATH", "Settings file [default: appsettings.json in the working directory, else the one beside the program]");
    private readonly Option<bool> _verbose = new("--verbose")
    {
        Description = "Per-request detail in the log; no bodies, no keys",
        Recursive = true,
        Arity = ArgumentArity.Zero,
    };
    private readonly HelpOption _help = new() { Description = "Show this help" };
    private readonly Option<bool> _version = new("--version") { Description = "Show the version", Arity = ArgumentArity.Zero };

    // WebApplicationFactory starts the program with these three; only the first one means anything here.
    private readonly Option<string> _environment = Hidden("--environment");
    private readonly Option<string> _contentRoot = Hidden("--contentRoot");
    private readonly Option<string> _applicationName = Hidden("--applicationName");

    private readonly Option<string> _explainModel = Value("--model", "NAME", "The model asked for");
    private readonly Option<string> _explainBody = Value("--body", "FILE", "A file with the request's body");
    private readonly Option<string> _explainPath = Value("--path", "PATH", "The path asked for [default: /v1/chat/completions]");
    private readonly Option<string> _explainTeam = Value("--team", "ID", "The team that asks");

    private readonly Option<string> _keyTeam = Value("--team", "ID", "The team that the key is for; it need not exist yet");
    private readonly Option<string> _keyLabel = Value("--label", "LABEL", "What people call the key");
    private readonly Option<string> _keyExpires = Value("--expires", "TIME", "When the key ends, as ISO 8601 with its offset");

    private readonly Option<string> _usageGroup = Value("--group", "NAME", "team, key, model, provider or rule [default: team]");
    private readonly Option<string> _usageFrom = Value("--from", "TIME", "From when on: a date, or an instant such as 2026-11-01T00:00:00Z");
    private readonly Option<string> _usageTo = Value("--to", "TIME", "Until when, exclusive");
    private readonly Option<bool> _usageCsv = new("--csv") { Description = "Print CSV", Recursive = true, Arity = ArgumentArity.Zero };

    private readonly RootCommand _root = new(
        "A gateway in front of openrouter.ai that decides from the model name which providers may serve a call.");
    private readonly Command _check = new("check", "Validate the settings and print what they mean; exit code 1 on a fault");
    private readonly Command _explain = new("explain", "Say which rules apply to a request, why, and what its body becomes");
    private readonly Command _health = new(
        "health", "Ask the gateway that runs with these settings whether it is alive; exit code 1 when not");
    private readonly Command _keys = new("keys", "Keys that clients of teams call with");
    private readonly Command _keysNew = new("new", "Make a key, print it once, and the JSON to put into the settings; reads no settings");
    private readonly Command _usage = new("usage", "Print what was used and what it cost, from the ledger of these settings");
    private readonly List<SettingsFault> _faults = [];
    private readonly IReadOnlyList<string> _args;
    private readonly ParseResult _parsed;

    private CommandLineReader(IReadOnlyList<string> args)
    {
        _args = args;

        _root.Options.Clear();
        _root.Directives.Clear();
        foreach (Option option in (Option[])[_port, _ip, _https, _certPath, _keyPath, _baseUrl, _mapping, _config, _verbose, _environment,
            _contentRoot, _applicationName, _help, _version])
        {
            _root.Add(option);
        }

        _explain.Add(_explainModel);
        _explain.Add(_explainBody);
        _explain.Add(_explainPath);
        _explain.Add(_explainTeam);
        _keysNew.Add(_keyTeam);
        _keysNew.Add(_keyLabel);
        _keysNew.Add(_keyExpires);
        _keys.Add(_keysNew);
        _usage.Add(_usageGroup);
        _usage.Add(_usageFrom);
        _usage.Add(_usageTo);
        _usage.Add(_usageCsv);
        _root.Add(_check);
        _root.Add(_explain);
        _root.Add(_health);
        _root.Add(_keys);
        _root.Add(_usage);

        // Nothing is run through System.CommandLine; without an action it would call a missing sub-command an error.
        _root.SetAction(_ => 0);
        _check.SetAction(_ => 0);
        _explain.SetAction(_ => 0);
        _health.SetAction(_ => 0);
        _keys.SetAction(_ => 0);
        _keysNew.SetAction(_ => 0);
        _usage.SetAction(_ => 0);

        _parsed = _root.Parse(args, Configuration);
    }

    /// <summary>Reads a command line.</summary>
    /// <param name="args">The arguments, without the program's name.</param>
    public static CommandLineResult Read(IReadOnlyList<string> args) => new CommandLineReader(args).Read();

    /// <summary>
    /// Every flag that a user may give, without the sub-commands' own; for the check that the documentation names them all.
    /// </summary>
    public static IReadOnlyList<string> Flags =>
        [.. new CommandLineReader([])._root.Options.Where(option => !option.Hidden).Select(option => option.Name)];

    /// <summary>Every sub-command; for the same check.</summary>
    public static IReadOnlyList<string> Commands => [.. new CommandLineReader([])._root.Subcommands.Select(command => command.Name)];

    private CommandLineResult Read()
    {
        // Whoever asks for help gets it, whatever else is on the line.
        if (_parsed.GetResult(_help) is { Implicit: false })
        {
            using var page = new StringWriter(CultureInfo.InvariantCulture);
            _parsed.Invoke(new InvocationConfiguration { Output = page, Error = page });
            return new CommandLineResult(CommandLineArguments.None, [], page.ToString());
        }

        if (_parsed.GetResult(_version) is { Implicit: false })
        {
            return new CommandLineResult(CommandLineArguments.None, [], Version() + Environment.NewLine);
        }

        var command = _parsed.CommandResult.Command;
        var config = Text(_config, "the path of a settings file");
        var isConfigPathFaulty = _faults.Count > 0;
        var arguments = new CommandLineArguments
        {
            Command = command == _check ? GatewayCommand.Check
                : command == _explain ? GatewayCommand.Explain
                : command == _health ? GatewayCommand.Health
                : command == _keys || command == _keysNew ? GatewayCommand.KeysNew
                : command == _usage ? GatewayCommand.Usage
                : GatewayCommand.Serve,
            Port = Port(),
            Address = Checked(_ip, SettingValues.AddressExpected, SettingValues.IsAddress),
            Https = Https(),
            CertPath = Text(_certPath, "the path of a PEM file"),
            KeyPath = Text(_keyPath, "the path of a PEM file"),
            OpenRouterBaseUrl = BaseUrl(),
            ModelProviderMappings = Mappings(),
            ConfigPath = config,
            Verbose = _parsed.GetValue(_verbose),
            Environment = Checked(_environment, SettingValues.EnvironmentNameExpected, SettingValues.IsEnvironmentName),
            Explain = command == _explain ? Explain() : null,
            KeysNew = command == _keys || command == _keysNew ? KeysNew(isNew: command == _keysNew) : null,
            Usage = command == _usage ? Usage() : null,
        };

        AddUnknownArguments();
        return new CommandLineResult(arguments, _faults, null, isConfigPathFaulty);
    }

    private int? Port()
    {
        var text = Checked(_port, SettingValues.PortExpected, value => SettingValues.TryPort(value, out _));
        return text is not null && SettingValues.TryPort(text, out var port) ? port : null;
    }

    /// <summary>A value that is neither true nor false is left over among the unknown arguments, and reported with them.</summary>
    private bool? Https() =>
        _parsed.GetResult(_https) is { Implicit: false } && !_parsed.UnmatchedTokens.Any(IsValueOfHttps)
            ? _parsed.GetValue(_https) ?? true
            : null;

    private bool IsValueOfHttps(string text) => _args.Contains($"{_https.Name}={text}");

    private string? BaseUrl()
    {
        if (Text(_baseUrl, SettingValues.UpstreamUrlExpected) is not { } text)
        {
            return null;
        }

        if (SettingValues.UpstreamUrlFault(text) is { } fault)
        {
            _faults.Add(new SettingsFault(_baseUrl.Name, fault));
            return null;
        }

        return text.Trim().TrimEnd('/');
    }

    private List<string> Mappings()
    {
        const string Expected = "expected PATTERN=PROVIDER[,PROVIDER…]";
        var mappings = new List<string>();
        if (_parsed.GetResult(_mapping) is not { } given)
        {
            return mappings;
        }

        // A flag without its value leaves no token behind, only a larger count of the flag itself.
        if (given.Tokens.Count < given.IdentifierTokenCount || _args.Contains(_mapping.Name + "="))
        {
            _faults.Add(new SettingsFault(_mapping.Name, $"no value given; {Expected}"));
        }

        foreach (var token in given.Tokens)
        {
            var problems = new List<RuleProblem>();
            _ = ProviderRule.TryParseMapping(token.Value, "cli-1", problems, out _);
            _faults.AddRange(
                problems.Where(problem => !problem.IsWarning).Select(problem => new SettingsFault(_mapping.Name, problem.Message)));
            if (problems.All(problem => problem.IsWarning))
            {
                mappings.Add(token.Value);
            }
        }

        return mappings;
    }

    private ExplainArguments Explain()
    {
        var before = _faults.Count;
        var explain = new ExplainArguments
        {
            Model = Text(_explainModel, "the name of a model"),
            BodyPath = Text(_explainBody, "the path of a JSON file"),
            Team = Checked(_explainTeam, SettingValues.TeamIdExpected, SettingValues.IsTeamId),
        };

        if (Checked(_explainPath, "a path that begins with /", value => value.StartsWith('/')) is { } path)
        {
            explain = explain with { RequestPath = path };
        }

        if (explain.Model is null && explain.BodyPath is null && _faults.Count == before)
        {
            _faults.Add(new SettingsFault("explain", "nothing to explain; expected --model NAME, --body FILE or both"));
        }

        return explain;
    }

    private KeysNewArguments? KeysNew(bool isNew)
    {
        if (!isNew)
        {
            _faults.Add(new SettingsFault("keys", "nothing to do; expected keys new --team ID"));
            return null;
        }

        var before = _faults.Count;
        var team = Checked(_keyTeam, SettingValues.TeamIdExpected, SettingValues.IsTeamId);
        var label = Text(_keyLabel, SettingValues.LabelExpected);
        if (label is not null && !SettingValues.IsLabel(label))
        {
            // Not quoted: a key may have got there by mistake.
            _faults.Add(new SettingsFault(_keyLabel.Name, $"is no label; expected {SettingValues.LabelExpected}"));
        }

        var expires = Checked(_keyExpires, SettingValues.ExpiryExpected, value => SettingValues.TryExpiry(value, out _));
        if (team is null && _parsed.GetResult(_keyTeam) is null or { Implicit: true })
        {
            _faults.Add(new SettingsFault("keys new", "no team given; expected --team ID"));
        }

        return team is null || _faults.Count > before ? null : new KeysNewArguments { Team = team, Label = label, Expires = expires };
    }

    private UsageArguments Usage()
    {
        var group = UsageGroup.Team;
        Checked(_usageGroup, UsageQuery.GroupExpected, value => UsageQuery.TryGroup(value, out group));
        var usage = new UsageArguments
        {
            Group = group,
            From = Time(_usageFrom),
            To = Time(_usageTo),
            Csv = _parsed.GetValue(_usageCsv),
        };
        if (usage.From > usage.To)
        {
            _faults.Add(new SettingsFault(_usageTo.Name, "expected a time that is not before --from"));
        }

        return usage;

        DateTimeOffset? Time(Option<string> option)
        {
            var time = default(DateTimeOffset);
            return Checked(option, UsageQuery.TimeExpected, value => UsageQuery.TryTime(value, out time)) is null ? null : time;
        }
    }

    private string? Checked(Option<string> option, string expected, Func<string, bool> isGood)
    {
        if (Text(option, expected) is not { } text)
        {
            return null;
        }

        if (!isGood(text))
        {
            _faults.Add(Fault(option, text, $"expected {expected}"));
            return null;
        }

        return text;
    }

    /// <summary>The value of a flag that is given at most once.</summary>
    private string? Text(Option<string> option, string expected)
    {
        if (_parsed.GetResult(option) is not { Implicit: false } given)
        {
            return null;
        }

        if (given.IdentifierTokenCount > 1)
        {
            var values = string.Join(", ", given.Tokens.Select(token => $"\"{token.Value}\""));
            _faults.Add(new SettingsFault(option.Name, $"given {given.IdentifierTokenCount} times ({values}); expected it once"));
            return null;
        }

        // A flag whose value was forgotten swallows what follows, "--flag=" too.
        if (_args.Contains(option.Name + "=")
            || given.Tokens.Count == 0
            || string.IsNullOrWhiteSpace(given.Tokens[0].Value)
            || IsFlag(given.Tokens[0].Value))
        {
            _faults.Add(new SettingsFault(option.Name, $"no value given; expected {expected}"));
            return null;
        }

        return given.Tokens[0].Value;
    }

    private bool IsFlag(string text) => text.StartsWith('-') && Names().Contains(text.Split('=', 2)[0]);

    private IEnumerable<string> Names() =>
        _root.Options.Concat(_parsed.CommandResult.Command == _root ? [] : _parsed.CommandResult.Command.Options)
            .SelectMany(option => option.Aliases.Prepend(option.Name));

    private void AddUnknownArguments()
    {
        var unknown = _parsed.UnmatchedTokens;
        for (var i = 0; i < unknown.Count; i++)
        {
            var text = unknown[i];
            if (IsValueOfHttps(text))
            {
                _faults.Add(Fault(_https, text, "expected true or false, or no value"));
            }
            else if (text.StartsWith('-'))
            {
                var flag = text.Split('=', 2)[0];
                var nearest = NearestName.Find(flag, _root.Options.Where(option => !option.Hidden).Select(option => option.Name));
                _faults.Add(
                    new SettingsFault(flag, $"unknown flag{(nearest is null ? "; --help lists them" : $"; did you mean {nearest}?")}"));

                // What follows an unknown flag is its value: one mistake, one line.
                if (!text.Contains('=') && i + 1 < unknown.Count && !unknown[i + 1].StartsWith('-') && Follows(text, unknown[i + 1]))
                {
                    i++;
                }
            }
            else
            {
                _faults.Add(new SettingsFault($"\"{text}\"", "unknown argument; expected a flag, check, explain, health, keys or usage"));
            }
        }
    }

    private bool Follows(string first, string second)
    {
        for (var i = 0; i + 1 < _args.Count; i++)
        {
            if (_args[i] == first && _args[i + 1] == second)
            {
                return true;
            }
        }

        return false;
    }

    private static SettingsFault Fault(Option option, string given, string message) => new($"{option.Name} \"{given}\"", message);

    /// <summary>
    /// The version of the program itself: of the assembly that holds this class, since in a test the entry assembly is another.
    /// </summary>
    private static string Version() =>
        typeof(CommandLineReader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? "unknown";

    private static Option<string> Value(string name, string valueName, string description, params string[] aliases) =>
        new(name, aliases) { HelpName = valueName, Description = description, Recursive = true };

    private static Option<string> Hidden(string name) => new(name) { Hidden = true, Recursive = true };
}
