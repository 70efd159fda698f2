using Npgsql;
using static Gateway.Ledger.Postgres.PostgresParameters;

namespace Gateway.Ledger.Postgres;

/// <summary>Converts ledger entries to statements of a batch.</summary>
internal static class PostgresEntries
{
    /// <summary>Adds the statements of an entry that <paramref name="node"/> writes.</summary>
    public static void AddTo(NpgsqlBatch batch, LedgerEntry entry, Guid node)
    {
        switch (entry)
        {
            case LedgerEntry.Began began:
                batch.BatchCommands.Add(Command(began, node));
                break;
            case LedgerEntry.Named named:
                batch.BatchCommands.Add(Name(named.Id, named.GenerationId, named.Destination, named.UpstreamKey));
                break;
            case LedgerEntry.Ended ended:
                batch.BatchCommands.Add(Command(ended));
                if (ended.GenerationId is { } generationId)
                {
                    // The update does not change a settled row; the generation id is stored in that case too.
                    batch.BatchCommands.Add(Name(ended.Id, generationId, destination: null, upstreamKey: null));
                }

                break;
            default:
                throw new InvalidOperationException($"{entry.GetType().Name} is not an entry of the ledger");
        }
    }

    private static NpgsqlBatchCommand Batched(string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static NpgsqlBatchCommand Name(Guid id, string generationId, string? destination, string? upstreamKey) =>
        Batched(LedgerSql.NamedOrAdopted, Id(id), Text(generationId), Text(destination), Text(upstreamKey));

    private static NpgsqlBatchCommand Command(LedgerEntry.Ended entry)
    {
        var command = Batched(
            entry.GenerationId is null ? LedgerSql.Ended : LedgerSql.EndedAndNamed,
            Id(entry.Id),
            Small((int)entry.State),
            Text(entry.End),
            Small(entry.Status),
            Text(entry.AnsweredModel),
            Text(entry.Provider),
            Text(entry.FinishReason),
            Number(LedgerSanitizer.Tokens(entry.Usage?.PromptTokens)),
            Number(LedgerSanitizer.Tokens(entry.Usage?.CompletionTokens)),
            Number(LedgerSanitizer.Tokens(entry.Usage?.CachedTokens)),
            Number(LedgerSanitizer.Tokens(entry.Usage?.ReasoningTokens)),
            Number(entry.Usage?.Cost?.ToStored()),
            Number(entry.Usage?.Discount?.ToStored()),
            Number(LedgerSanitizer.Microseconds(entry.TimeToFirstToken)),
            Time(entry.EndedAt),
            Time(entry.ClosedAt),
            Small(entry.Asked),
            Time(entry.AskAt),
            Flag(entry.IsCounted),
            Text(entry.Destination),
            Number(entry.Usage?.UpstreamCost?.ToStored()),
            Number(entry.Held?.ToStored()),
            Small(entry.IsError is { } isError ? isError ? 1 : 0 : null),
            Number(LedgerSanitizer.Tokens(entry.LimitTokens)),
            Number(entry.AnsweredTime is { } answered ? (long)answered.TotalMilliseconds : null),
            Time(entry.AskedAt),
            Text(entry.UpstreamKey),
            Text(entry.Region),
            Text(entry.ServiceTier));
        if (entry.GenerationId is { } generationId)
        {
            command.Parameters.Add(Text(generationId));
        }

        return command;
    }

    private static NpgsqlBatchCommand Command(LedgerEntry.Began entry, Guid node) => Batched(
        LedgerSql.Began,
        Id(entry.Id),
        Time(entry.StartedAt),
        Id(node),
        Text(entry.Team),
        Text(entry.KeyLabel),
        Text(entry.Rule),
        Text(entry.SettingsVersion),
        Text(entry.Endpoint),
        Text(entry.AskedModel),
        Text(entry.SentModel),
        Flag(entry.Streams),
        Number(entry.Reserved.ToStored()),
        Flag(entry.IsCounted),
        Text(entry.RequestId));
}
