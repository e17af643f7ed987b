//! What the mint module tells of the coin's emission: the parameters of a new chain. Nothing is minted here.

/// Full name of the query service.
pub(super) const SERVICE: &str = "mint.v5.QueryService";

/// Asks for all that the module knows of emission.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct EmissionInfoRequest {}

/// Parameters of the module. Shares are *LegacyDec*: scaled by 10^18.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Params {
    #[prost(string, tag = "1")]
    mint_denom: String,
    #[prost(string, tag = "2")]
    max_supply: String,
    #[prost(string, tag = "3")]
    f_emission: String,
    #[prost(string, tag = "4")]
    one_month_smoothing_degree: String,
    #[prost(string, tag = "5")]
    ecosystem_treasury_percent_of_total_supply: String,
    #[prost(string, tag = "6")]
    foundation_treasury_percent_of_total_supply: String,
    #[prost(string, tag = "7")]
    participants_percent_of_total_supply: String,
    #[prost(string, tag = "8")]
    investors_percent_of_total_supply: String,
    #[prost(string, tag = "9")]
    team_percent_of_total_supply: String,
    #[prost(string, tag = "10")]
    maximum_monthly_percentage_yield: String,
    #[prost(string, tag = "11")]
    investors_preseed_percent_of_total_supply: String,
    #[prost(bool, tag = "12")]
    emission_enabled: bool,
}

/// Answer to [`EmissionInfoRequest`]. Amounts are uallo, rates *LegacyDec*.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct EmissionInfoResponse {
    #[prost(message, optional, tag = "1")]
    params: Option<Params>,
    #[prost(string, tag = "2")]
    ecosystem_balance: String,
    #[prost(string, tag = "3")]
    previous_block_emission: String,
    #[prost(string, tag = "4")]
    ecosystem_mint_supply_remaining: String,
    #[prost(uint64, tag = "5")]
    blocks_per_month: u64,
    #[prost(uint64, tag = "6")]
    block_height_target_e_i_last_calculated: u64,
    #[prost(uint64, tag = "7")]
    block_height_target_e_i_next_calculated: u64,
    #[prost(string, tag = "8")]
    network_staked_tokens: String,
    #[prost(string, tag = "9")]
    locked_vesting_tokens_total: String,
    #[prost(string, tag = "10")]
    locked_vesting_tokens_investors_preseed: String,
    #[prost(string, tag = "11")]
    locked_vesting_tokens_investors_seed: String,
    #[prost(string, tag = "12")]
    locked_vesting_tokens_team: String,
    #[prost(string, tag = "13")]
    ecosystem_locked: String,
    #[prost(string, tag = "14")]
    circulating_supply: String,
    #[prost(string, tag = "15")]
    max_supply: String,
    #[prost(string, tag = "16")]
    target_emission_rate_per_unit_staked_token: String,
    #[prost(string, tag = "17")]
    reputers_percent: String,
    #[prost(string, tag = "18")]
    validators_percent: String,
    #[prost(string, tag = "19")]
    maximum_monthly_emission_per_unit_staked_token: String,
    #[prost(string, tag = "20")]
    target_reward_emission_per_unit_staked_token: String,
    #[prost(string, tag = "21")]
    emission_per_unit_staked_token: String,
    #[prost(string, tag = "22")]
    emission_per_month: String,
    #[prost(string, tag = "23")]
    block_emission: String,
    #[prost(string, tag = "24")]
    validator_cut: String,
    #[prost(string, tag = "25")]
    allora_rewards_cut: String,
    #[prost(string, tag = "26")]
    previous_reward_emission_per_unit_staked_token: String,
    #[prost(string, tag = "27")]
    months_already_unlocked: String,
    #[prost(string, tag = "28")]
    updated_months_unlocked: String,
    #[prost(int64, tag = "29")]
    starting_emissions_block_height: i64,
    #[prost(string, tag = "30")]
    locked_vesting_tokens_foundation: String,
}

/// Answers `EmissionInfo` as a chain that has emitted nothing yet.
pub(super) fn emission_info() -> EmissionInfoResponse {
    let text = String::from;
    let zero = || text("0");
    // 10^27 uallo are all that there will ever be; 35.95 % of them are the ecosystem's to emit.
    let (max_supply, ecosystem) = ("1000000000000000000000000000", "359500000000000000000000000");
    let (preseed, seed) = ("50000000000000000000000000", "260500000000000000000000000");
    let rate = || text("38000000000000000");
    EmissionInfoResponse {
        params: Some(Params {
            mint_denom: crate::chain::tx::DENOM.into(),
            max_supply: text(max_supply),
            f_emission: text("25000000000000000"),
            one_month_smoothing_degree: text("100000000000000000"),
            ecosystem_treasury_percent_of_total_supply: text("359500000000000000"),
            foundation_treasury_percent_of_total_supply: text("100000000000000000"),
            participants_percent_of_total_supply: text("55000000000000000"),
            investors_percent_of_total_supply: text("260500000000000000"),
            team_percent_of_total_supply: text("175000000000000000"),
            maximum_monthly_percentage_yield: text("9500000000000000"),
            investors_preseed_percent_of_total_supply: text("50000000000000000"),
            emission_enabled: true,
        }),
        ecosystem_balance: zero(),
        previous_block_emission: zero(),
        ecosystem_mint_supply_remaining: text(ecosystem),
        blocks_per_month: 864_000,
        block_height_target_e_i_last_calculated: 1,
        block_height_target_e_i_next_calculated: 864_001,
        network_staked_tokens: zero(),
        locked_vesting_tokens_total: text("535500000000000000000000000"),
        locked_vesting_tokens_investors_preseed: text(preseed),
        locked_vesting_tokens_investors_seed: text(seed),
        locked_vesting_tokens_team: text("175000000000000000000000000"),
        ecosystem_locked: text(ecosystem),
        circulating_supply: zero(),
        max_supply: text(max_supply),
        target_emission_rate_per_unit_staked_token: rate(),
        reputers_percent: zero(),
        validators_percent: text("250000000000000000"),
        maximum_monthly_emission_per_unit_staked_token: rate(),
        target_reward_emission_per_unit_staked_token: rate(),
        emission_per_unit_staked_token: rate(),
        emission_per_month: zero(),
        block_emission: zero(),
        validator_cut: zero(),
        allora_rewards_cut: zero(),
        previous_reward_emission_per_unit_staked_token: rate(),
        months_already_unlocked: zero(),
        updated_months_unlocked: zero(),
        starting_emissions_block_height: 0,
        locked_vesting_tokens_foundation: text("50000000000000000000000000"),
    }
}
