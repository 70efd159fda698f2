using System.Data.Common;
using System.Globalization;
using Gateway.Billing;
using Npgsql;

namespace Gateway.Tests.Support;

/// <summary>A row of the ledger as it stands in the database, read with plain SQL.</summary>
internal sealed record LedgerRow
{
    private const string Query =
        """
        SELECT team, key_label, endpoint, model_asked, model_answered, provider, generation_id, streams, prompt_tokens, completion_tokens,
           reserved_pico, cost_pico, state, ended, status, finish_reason, first_token_us, asked, ask_at, is_counted, destination, upstream_cost_pico,
           reason, request_id, upstream_key, region, service_tier
        FROM generations ORDER BY started_at, id
        """;

    public required string Team { get; init; }

    public required string KeyLabel { get; init; }

    public required string Endpoint { get; init; }

    public string? Asked { get; init; }

    public string? Answered { get; init; }

    public string? Provider { get; init; }

    public string? GenerationId { get; init; }

    public bool Streams { get; init; }

    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    public long ReservedPico { get; init; }

    public long? CostPico { get; init; }

    public GenerationState State { get; init; }

    public string? Ended { get; init; }

    public long? Status { get; init; }

    public string? FinishReason { get; init; }

    public long? FirstTokenMicroseconds { get; init; }

    public long Questions { get; init; }

    /// <summary>When the next question is due, in the ledger's own unit.</summary>
    public long? AskAt { get; init; }

    public bool IsCounted { get; init; }

    public string? Destination { get; init; }

    /// <summary>The provider's own amount.</summary>
    public long? UpstreamCostPico { get; init; }

    /// <summary>Why it was written off.</summary>
    public string? Reason { get; init; }

    public string? RequestId { get; init; }

    /// <summary>The name of the OpenRouter key.</summary>
    public string? UpstreamKey { get; init; }

    public string? Region { get; init; }

    public string? ServiceTier { get; init; }

    public bool IsClosed => State is GenerationState.Settled or GenerationState.Unresolvable or GenerationState.WrittenOff;

    /// <summary>The amount that the team is charged.</summary>
    public long Charge => State == GenerationState.Settled ? CostPico ?? 0 : State == GenerationState.WrittenOff ? 0 : ReservedPico;

    /// <summary>The rows of a SQLite file that a gateway may have open, in the order of their calls.</summary>
    public static async Task<IReadOnlyList<LedgerRow>> ReadSqliteAsync(string path)
    {
        await using var connection = await SqliteLedgerFile.OpenAsync(path);
        return await ReadAsync(connection);
    }

    /// <summary>The rows of a PostgreSQL database, in the order of their calls.</summary>
    public static async Task<IReadOnlyList<LedgerRow>> ReadPostgresAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return await ReadAsync(connection);
    }

    private static async Task<IReadOnlyList<LedgerRow>> ReadAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = Query;
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<LedgerRow>();
        while (await reader.ReadAsync())
        {
            rows.Add(new LedgerRow
            {
                Team = Text("team")!,
                KeyLabel = Text("key_label")!,
                Endpoint = Text("endpoint")!,
                Asked = Text("model_asked"),
                Answered = Text("model_answered"),
                Provider = Text("provider"),
                GenerationId = Text("generation_id"),
                Streams = Number("streams") != 0,
                PromptTokens = Number("prompt_tokens"),
                CompletionTokens = Number("completion_tokens"),
                ReservedPico = Number("reserved_pico")!.Value,
                CostPico = Number("cost_pico"),
                State = (GenerationState)Number("state")!.Value,
                Ended = Text("ended"),
                Status = Number("status"),
                FinishReason = Text("finish_reason"),
                FirstTokenMicroseconds = Number("first_token_us"),
                Questions = Number("asked")!.Value,
                AskAt = Number("ask_at"),
                IsCounted = Number("is_counted") != 0,
                Destination = Text("destination"),
                UpstreamCostPico = Number("upstream_cost_pico"),
                Reason = Text("reason"),
                RequestId = Text("request_id"),
                UpstreamKey = Text("upstream_key"),
                Region = Text("region"),
                ServiceTier = Text("service_tier"),
            });
        }

        return rows;

        string? Text(string column) => reader[column] as string;

        long? Number(string column) => reader[column] is var value and not DBNull
            ? Convert.ToInt64(value, CultureInfo.InvariantCulture)
            : null;
    }
}
