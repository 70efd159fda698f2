using System.CommandLine;
using System.Globalization;
using System.Reflection;
using Gateway.Configuration.Reading;
using Gateway.Ledger;
using Gateway.Reports;
using Gateway.Teams;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.CommandLine;

/// <summary>
/// Reads the command line into typed values and faults, without side effects. System.CommandLine splits the arguments. The values are
/// checked here: its own messages stop at the first fault of a flag and do not name the expected value.
/// </summary>
internal sealed class CommandLineReader
{
    private readonly CommandLineGrammar _grammar = new();
    private readonly List<SettingsFault> _faults = [];
    private readonly IReadOnlyList<string> _args;
    private readonly ParseResult _parsed;

    private CommandLineReader(IReadOnlyList<string> args)
    {
        _args = args;
        _parsed = _grammar.Parse(args);
    }

    /// <summary>Reads a command line.</summary>
    /// <param name="args">The arguments, without the program's name.</param>
    public static CommandLineResult Read(IReadOnlyList<string> args) => new CommandLineReader(args).Read();

    /// <summary>Every visible flag except those of sub-commands. A test compares the list with the documentation.</summary>
    public static IReadOnlyList<string> Flags =>
        [.. new CommandLineGrammar().Root.Options.Where(option => !option.Hidden).Select(option => option.Name)];

    /// <summary>Every sub-command, for the same test.</summary>
    public static IReadOnlyList<string> Commands => [.. new CommandLineGrammar().Root.Subcommands.Select(command => command.Name)];

    private CommandLineResult Read()
    {
        // Help is printed regardless of faults in the other arguments.
        if (_parsed.GetResult(_grammar.Help) is { Implicit: false })
        {
            using var page = new StringWriter(CultureInfo.InvariantCulture);
            _parsed.Invoke(new InvocationConfiguration { Output = page, Error = page });
            return new CommandLineResult(CommandLineArguments.None, [], page.ToString());
        }

        if (_parsed.GetResult(_grammar.Version) is { Implicit: false })
        {
            return new CommandLineResult(CommandLineArguments.None, [], Version() + Environment.NewLine);
        }

        var command = _parsed.CommandResult.Command;
        var config = Text(_grammar.Config, "the path of a settings file");
        var isConfigPathFaulty = _faults.Count > 0;
        var arguments = new CommandLineArguments
        {
            Command = command == _grammar.Check ? GatewayCommand.Check
                : command == _grammar.Explain ? GatewayCommand.Explain
                : command == _grammar.Health ? GatewayCommand.Health
                : command == _grammar.Keys || command == _grammar.KeysNew ? GatewayCommand.KeysNew
                : command == _grammar.Usage ? GatewayCommand.Usage
                : command == _grammar.WriteOff ? GatewayCommand.WriteOff
                : GatewayCommand.Serve,
            Port = Port(),
            Address = Checked(_grammar.Ip, SettingFormats.AddressExpected, SettingFormats.IsAddress),
            Https = Https(),
            CertPath = Text(_grammar.CertPath, "the path of a PEM file"),
            KeyPath = Text(_grammar.KeyPath, "the path of a PEM file"),
            OpenRouterBaseUrl = BaseUrl(),
            ModelProviderMappings = Mappings(),
            ConfigPath = config,
            Verbose = _parsed.GetValue(_grammar.Verbose),
            Environment = Checked(_grammar.Environment, SettingFormats.EnvironmentNameExpected, SettingFormats.IsEnvironmentName),
            IsCheckJson = command == _grammar.Check && _parsed.GetValue(_grammar.CheckJson),
            IsCheckSchema = command == _grammar.Check && _parsed.GetValue(_grammar.CheckSchema),
            Explain = command == _grammar.Explain ? Explain() : null,
            KeysNew = command == _grammar.Keys || command == _grammar.KeysNew ? KeysNew(isNew: command == _grammar.KeysNew) : null,
            Usage = command == _grammar.Usage ? Usage() : null,
            WriteOff = command == _grammar.WriteOff ? WriteOff() : null,
        };

        AddUnknownArguments();
        return new CommandLineResult(arguments, _faults, null, isConfigPathFaulty);
    }

    private int? Port()
    {
        var text = Checked(_grammar.Port, SettingFormats.PortExpected, value => SettingFormats.TryPort(value, out _));
        return text is not null && SettingFormats.TryPort(text, out var port) ? port : null;
    }

    /// <summary>A value other than true and false is an unmatched argument and reported as one.</summary>
    private bool? Https()
    {
        if (_parsed.GetResult(_grammar.Https) is not { Implicit: false } given || _parsed.UnmatchedTokens.Any(IsValueOfHttps))
        {
            return null;
        }

        var fault = given.IdentifierTokenCount > 1 ? $"given {given.IdentifierTokenCount} times; expected once"
            : _args.Contains(_grammar.Https.Name + "=") ? "no value given; expected true or false, or no equals sign"
            : null;
        if (fault is not null)
        {
            _faults.Add(new SettingsFault(_grammar.Https.Name, fault));
            return null;
        }

        return _parsed.GetValue(_grammar.Https) ?? true;
    }

    private bool IsValueOfHttps(string text) => _args.Contains($"{_grammar.Https.Name}={text}");

    private string? BaseUrl()
    {
        if (Text(_grammar.BaseUrl, SettingFormats.UpstreamUrlExpected) is not { } text)
        {
            return null;
        }

        if (SettingFormats.UpstreamUrlFault(text) is { } fault)
        {
            _faults.Add(new SettingsFault(_grammar.BaseUrl.Name, fault));
            return null;
        }

        return text.Trim().TrimEnd('/');
    }

    private List<string> Mappings()
    {
        const string Expected = "expected PATTERN=PROVIDER[,PROVIDER…]";
        var mappings = new List<string>();
        if (_parsed.GetResult(_grammar.Mapping) is not { } given)
        {
            return mappings;
        }

        // A flag without a value adds no token, but counts as an occurrence.
        if (given.Tokens.Count < given.IdentifierTokenCount || _args.Contains(_grammar.Mapping.Name + "="))
        {
            _faults.Add(new SettingsFault(_grammar.Mapping.Name, $"no value given; {Expected}"));
        }

        foreach (var token in given.Tokens)
        {
            var problems = new List<RuleProblem>();
            _ = ProviderRule.TryParseMapping(token.Value, "cli-1", problems, out _);
            _faults.AddRange(
                problems.Where(problem => !problem.IsWarning).Select(problem => new SettingsFault(_grammar.Mapping.Name, problem.Message)));
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
            Model = Text(_grammar.ExplainModel, "the name of a model"),
            BodyPath = Text(_grammar.ExplainBody, "the path of a JSON file"),
            Team = Checked(_grammar.ExplainTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId),
            Key = Text(_grammar.ExplainKey, "the label of a key"),
        };

        if (Checked(_grammar.ExplainPath, ExplainReport.PathExpected, ExplainReport.IsPath) is { } path)
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
            _faults.Add(new SettingsFault("keys", "needs a sub-command; expected keys new --team ID"));
            return null;
        }

        var before = _faults.Count;
        var team = Checked(_grammar.KeyTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId);
        var label = Text(_grammar.KeyLabel, SettingFormats.LabelExpected);
        if (label is not null && !SettingFormats.IsLabel(label))
        {
            // Not quoted: the text may be a key, passed by mistake.
            _faults.Add(new SettingsFault(_grammar.KeyLabel.Name, $"is not a valid label; expected {SettingFormats.LabelExpected}"));
        }

        var expires = Checked(_grammar.KeyExpires, SettingFormats.ExpiryExpected, value => SettingFormats.TryExpiry(value, out _));
        if (team is null && _parsed.GetResult(_grammar.KeyTeam) is null or { Implicit: true })
        {
            _faults.Add(new SettingsFault("keys new", "no team given; expected --team ID"));
        }

        return team is null || _faults.Count > before ? null : new KeysNewArguments { Team = team, Label = label, Expires = expires };
    }

    private UsageArguments Usage()
    {
        var selection = new UsageSelection();
        var groups = selection.Groups;
        TimeSpan? last = null;
        if (Checked(_grammar.UsageGroup, UsageQuery.GroupExpected, value => UsageQuery.TryGroups(value, out groups)) is null)
        {
            groups = selection.Groups;
        }

        Checked(_grammar.UsageLast, UsageQuery.LastExpected, value =>
        {
            var isGood = UsageQuery.TryLast(value, out var length);
            last = isGood ? length : null;
            return isGood;
        });
        selection = new UsageSelection
        {
            Groups = groups,
            Teams = Texts(_grammar.UsageTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId),
            Keys = Texts(_grammar.UsageKey, UsageQuery.KeyExpected, UsageQuery.IsKey),
            Models = Texts(_grammar.UsageModel, UsageQuery.ModelExpected, UsageQuery.IsModel),
            From = Time(_grammar.UsageFrom),
            To = Time(_grammar.UsageTo),
            IsUnresolvedOnly = _parsed.GetValue(_grammar.UsageUnresolved),
        };
        if (selection.From > selection.To)
        {
            _faults.Add(new SettingsFault(_grammar.UsageTo.Name, "expected a time that is not before --from"));
        }

        if (last is not null && selection is not { From: null, To: null })
        {
            _faults.Add(new SettingsFault(_grammar.UsageLast.Name, "is a period of its own; expected no --from and no --to beside it"));
        }

        return new UsageArguments { Selection = selection, Last = last, Format = Format() };
    }

    private UsageFormat Format()
    {
        UsageFormat? format = null;
        Checked(_grammar.UsageFormat, "table, csv or json", value => (format = value.ToLowerInvariant() switch
        {
            "table" => UsageFormat.Table,
            "csv" => UsageFormat.Csv,
            "json" => UsageFormat.Json,
            _ => null,
        }) is not null);
        if (!_parsed.GetValue(_grammar.UsageCsv))
        {
            return format ?? UsageFormat.Table;
        }

        if (format is not null and not UsageFormat.Csv)
        {
            _faults.Add(new SettingsFault(_grammar.UsageCsv.Name, "contradicts --format; expected one of them"));
        }

        return UsageFormat.Csv;
    }

    /// <summary>The values of a flag that may be repeated.</summary>
    private List<string> Texts(Option<string> option, string expected, Func<string, bool> isGood)
    {
        if (_parsed.GetResult(option) is not { Implicit: false } given)
        {
            return [];
        }

        if (given.Tokens.Count < given.IdentifierTokenCount || _args.Contains(option.Name + "="))
        {
            _faults.Add(new SettingsFault(option.Name, $"no value given; expected {expected}"));
        }

        _faults.AddRange(given.Tokens.Where(token => !isGood(token.Value) || IsFlag(token.Value)).Select(token =>
            IsFlag(token.Value) ? new SettingsFault(option.Name, $"no value given; expected {expected}")
            : Fault(option, token.Value, $"expected {expected}")));
        return [.. given.Tokens.Select(token => token.Value)];
    }

    private WriteOffArguments? WriteOff()
    {
        var before = _faults.Count;
        var team = Checked(_grammar.WriteOffTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId);
        var until = Time(_grammar.WriteOffUntil);
        var id = Text(_grammar.WriteOffId, "the id of a call");
        var expected = $"why the calls cost nothing, in up to {LedgerSanitizer.MaxTextLength} characters";
        var reason = Checked(_grammar.WriteOffReason, expected, value => value.Length <= LedgerSanitizer.MaxTextLength);
        if (_faults.Count == before && (team is null || reason is null))
        {
            _faults.Add(new SettingsFault(
                "write-off", $"no {(team is null ? "team" : "reason")} given; expected write-off --team ID --reason TEXT"));
        }

        return team is null || reason is null || _faults.Count > before ? null : new WriteOffArguments
        {
            Team = team,
            Until = until,
            Id = id,
            Reason = reason,
            IsDryRun = _parsed.GetValue(_grammar.WriteOffDryRun),
        };
    }

    private DateTimeOffset? Time(Option<string> option)
    {
        var time = default(DateTimeOffset);
        return Checked(option, UsageQuery.TimeExpected, value => UsageQuery.TryTime(value, out time)) is null ? null : time;
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
            // The label may be any key, passed by mistake.
            var values = option == _grammar.KeyLabel || given.Tokens.Any(token => MayHoldSecret(token.Value))
                ? ""
                : $" ({string.Join(", ", given.Tokens.Select(token => $"\"{token.Value}\""))})";
            _faults.Add(new SettingsFault(option.Name, $"given {given.IdentifierTokenCount} times{values}; expected once"));
            return null;
        }

        // A flag without a value takes the next argument as its value, also after "--flag=".
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
        _grammar.Root.Options.Concat(_parsed.CommandResult.Command == _grammar.Root ? [] : _parsed.CommandResult.Command.Options)
            .SelectMany(option => option.Aliases.Prepend(option.Name));

    private void AddUnknownArguments()
    {
        // System.CommandLine drops these as directives.
        _faults.AddRange(
            _args.TakeWhile(static text => text.StartsWith('[') && text.EndsWith(']')).Select(static text => UnknownArgument(text)));
        var unknown = _parsed.UnmatchedTokens;
        for (var i = 0; i < unknown.Count; i++)
        {
            var text = unknown[i];
            if (IsValueOfHttps(text))
            {
                _faults.Add(Fault(_grammar.Https, text, "expected true or false, or no value"));
            }
            else if (text.StartsWith('-'))
            {
                var flag = text.Split('=', 2)[0];
                var nearest = NearestName.Find(flag, _grammar.Root.Options.Where(option => !option.Hidden).Select(option => option.Name));
                _faults.Add(
                    new SettingsFault(flag, $"unknown flag{(nearest is null ? "; --help lists them" : $"; did you mean {nearest}?")}"));

                // The argument after an unknown flag is probably its value and is not reported again.
                if (!text.Contains('=') && i + 1 < unknown.Count && !unknown[i + 1].StartsWith('-') && Follows(text, unknown[i + 1]))
                {
                    i++;
                }
            }
            else
            {
                _faults.Add(UnknownArgument(text));
            }
        }
    }

    private static SettingsFault UnknownArgument(string text) =>
        new(MayHoldSecret(text) ? "an argument with a key or a password" : $"\"{text}\"", "unknown argument; expected a flag, check, explain, health, keys, usage or write-off");

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

    private static SettingsFault Fault(Option option, string given, string message) => MayHoldSecret(given)
        ? new(option.Name, $"is not shown, since it may hold a key or a password; {message}")
        : new($"{option.Name} \"{given}\"", message);

    /// <summary>
    /// Whether a message must not quote a value: a key of the gateway, or an address with a user name or a password, in whichever flag it was
    /// given. An <c>@</c> at the beginning has no credentials before it (<c>@preset/x</c>).
    /// </summary>
    private static bool MayHoldSecret(string value) => GatewayKeys.IsIn(value) || value.IndexOf('@', StringComparison.Ordinal) > 0;

    /// <summary>The version of the assembly that holds this class: in a test the entry assembly is another one.</summary>
    private static string Version() =>
        typeof(CommandLineReader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? "unknown";
}
