using System.CommandLine;
using System.Globalization;
using System.Reflection;
using Gateway.Configuration.Reading;
using Gateway.Ledger;
using Gateway.Reports;
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
    private readonly FlagReader _flags;

    private CommandLineReader(IReadOnlyList<string> args)
    {
        _args = args;
        _parsed = _grammar.Parse(args);
        _flags = new FlagReader(_grammar, args, _parsed, _faults);
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
        var config = _flags.Text(_grammar.Config, "the path of a settings file");
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
            Address = _flags.Checked(_grammar.Ip, SettingFormats.AddressExpected, SettingFormats.IsAddress),
            Https = Https(),
            CertPath = _flags.Text(_grammar.CertPath, "the path of a PEM file"),
            KeyPath = _flags.Text(_grammar.KeyPath, "the path of a PEM file"),
            OpenRouterBaseUrl = BaseUrl(),
            ModelProviderMappings = Mappings(),
            ConfigPath = config,
            Verbose = _parsed.GetValue(_grammar.Verbose),
            Environment = _flags.Checked(_grammar.Environment, SettingFormats.EnvironmentNameExpected, SettingFormats.IsEnvironmentName),
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
        var text = _flags.Checked(_grammar.Port, SettingFormats.PortExpected, value => SettingFormats.TryPort(value, out _));
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
        if (_flags.Text(_grammar.BaseUrl, SettingFormats.UpstreamUrlExpected) is not { } text)
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
            Model = _flags.Text(_grammar.ExplainModel, "the name of a model"),
            BodyPath = _flags.Text(_grammar.ExplainBody, "the path of a JSON file"),
            Team = _flags.Checked(_grammar.ExplainTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId),
            Key = _flags.Text(_grammar.ExplainKey, "the label of a key"),
        };

        if (_flags.Checked(_grammar.ExplainPath, ExplainReport.PathExpected, ExplainReport.IsPath) is { } path)
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
        var team = _flags.Checked(_grammar.KeyTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId);
        var label = _flags.Text(_grammar.KeyLabel, SettingFormats.LabelExpected);
        if (label is not null && !SettingFormats.IsLabel(label))
        {
            // Not quoted: the text may be a key, passed by mistake.
            _faults.Add(new SettingsFault(_grammar.KeyLabel.Name, $"is not a valid label; expected {SettingFormats.LabelExpected}"));
        }

        var expires = _flags.Checked(_grammar.KeyExpires, SettingFormats.ExpiryExpected, value => SettingFormats.TryExpiry(value, out _));
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
        if (_flags.Checked(_grammar.UsageGroup, UsageQuery.GroupExpected, value => UsageQuery.TryGroups(value, out groups)) is null)
        {
            groups = selection.Groups;
        }

        _flags.Checked(_grammar.UsageLast, UsageQuery.LastExpected, value =>
        {
            var isGood = UsageQuery.TryLast(value, out var length);
            last = isGood ? length : null;
            return isGood;
        });
        selection = new UsageSelection
        {
            Groups = groups,
            Teams = _flags.Texts(_grammar.UsageTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId),
            Keys = _flags.Texts(_grammar.UsageKey, UsageQuery.KeyExpected, UsageQuery.IsKey),
            Models = _flags.Texts(_grammar.UsageModel, UsageQuery.ModelExpected, UsageQuery.IsModel),
            From = _flags.Time(_grammar.UsageFrom),
            To = _flags.Time(_grammar.UsageTo),
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
        _flags.Checked(_grammar.UsageFormat, "table, csv or json", value => (format = value.ToLowerInvariant() switch
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

    private WriteOffArguments? WriteOff()
    {
        var before = _faults.Count;
        var team = _flags.Checked(_grammar.WriteOffTeam, SettingFormats.TeamIdExpected, SettingFormats.IsTeamId);
        var until = _flags.Time(_grammar.WriteOffUntil);
        var id = _flags.Text(_grammar.WriteOffId, "the id of a call");
        var expected = $"why the calls cost nothing, in up to {LedgerSanitizer.MaxTextLength} characters";
        var reason = _flags.Checked(_grammar.WriteOffReason, expected, value => value.Length <= LedgerSanitizer.MaxTextLength);
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
                _faults.Add(FlagReader.Fault(_grammar.Https, text, "expected true or false, or no value"));
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
        new(FlagReader.MayHoldSecret(text) ? "an argument with a key or a password" : $"\"{text}\"", "unknown argument; expected a flag, check, explain, health, keys, usage or write-off");

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

    /// <summary>The version of the assembly that holds this class: in a test the entry assembly is another one.</summary>
    private static string Version() =>
        typeof(CommandLineReader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? "unknown";
}
