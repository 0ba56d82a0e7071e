//! The list of cases: written once, read by the macro and by [`CASES`].

/// The names of all cases, as `area::case`.
pub const CASES: &[&str] = crate::store_contract!(@each names ());

/// Expands to one `#[tokio::test]` for each case of the suite, each on a fresh harness, and to a test that none is
/// missing.
///
/// ```ignore
/// session_api::store_contract!(my_harness());
/// ```
#[macro_export]
macro_rules! store_contract {
    (@names () $($area:ident { $($case:ident)* })*) => {
        &[$($(concat!(stringify!($area), "::", stringify!($case)),)*)*]
    };
    (@tests ($harness:expr) $($area:ident { $($case:ident)* })*) => {
        $($(
            #[tokio::test]
            async fn $case() {
                let harness = $harness;
                $crate::contract::$area::$case(&harness).await;
            }
        )*)*

        #[test]
        fn every_case_of_the_contract_runs() {
            let here: &[&str] = &[$($(concat!(stringify!($area), "::", stringify!($case)),)*)*];
            assert_eq!(here, $crate::contract::CASES);
        }
    };
    (@each $emit:ident $args:tt) => {
        $crate::store_contract! { @$emit $args
            accept {
                a_new_row_waits_under_its_own_id
                a_row_counts_those_ahead_of_it
                a_repeated_external_id_is_a_duplicate
                a_duplicate_of_a_settled_row_starts_nothing
                the_same_external_id_of_another_account_is_new
                a_repeat_inside_a_batch_is_a_duplicate
                a_duplicate_stays_one_after_its_session_was_deleted
                an_accepted_row_survives_its_worker
                a_cursor_moves_with_its_batch
                an_empty_batch_moves_the_cursor
                a_cursor_never_moves_backwards
                a_new_generation_begins_anew
                cursors_of_a_source_move_apart
                a_cursor_without_a_lease_is_stale
                a_batch_with_a_stale_lease_stores_nothing
                run_now_leases_in_the_same_commit
                run_now_waits_behind_a_pending_row
                run_now_waits_behind_an_open_turn
                run_now_of_a_duplicate_leases_nothing
                run_now_of_two_rows_is_invalid
            }
            batch {
                a_batch_applies_its_writes
                writes_without_rows_are_applied
                writes_beside_duplicates_are_applied
                a_message_said_before_is_left_as_it_is
                a_batch_that_writes_anything_else_is_invalid
                a_refused_batch_writes_nothing
                a_lease_that_is_given_must_be_valid
            }
            source {
                a_source_has_one_claimant
                accounts_are_claimed_apart
                its_claimant_renews_a_source
                a_source_is_free_when_its_worker_is_dead
                a_source_is_free_when_its_time_has_run_out
                a_source_that_changed_hands_is_fenced
                cursors_outlive_their_claimant
            }
            lease {
                an_empty_mailbox_leases_nothing
                a_new_turn_begins_empty
                rows_of_a_session_go_in_order
                a_session_has_one_open_turn
                sessions_run_side_by_side
                a_served_session_stands_behind_those_that_wait
                messages_that_coalesce_found_one_turn
                a_message_waits_until_its_coalescing_time_is_over
                what_cannot_join_ends_the_wait
                nothing_joins_a_message_that_does_not_coalesce
                only_like_messages_directly_behind_join
                like_runners_and_overrides_coalesce
                only_named_sessions_are_leased
                descendants_of_named_sessions_are_leased
                a_row_of_a_living_worker_is_its_own
                a_row_of_a_dead_worker_is_anybodys
                a_lease_is_void_when_its_time_has_run_out
                renewing_extends_a_lease
                control_does_not_extend_a_lease
                a_void_lease_is_stale
            }
            orphan {
                an_orphaned_turn_keeps_its_founders
                an_orphaned_turn_keeps_its_record_and_journal
                an_orphaned_turn_keeps_what_it_absorbed
                an_orphaned_turn_keeps_its_drafts
                an_orphaned_turn_comes_first
                each_lease_has_a_greater_token
                a_lost_lease_is_refused_by_every_verb
                attempts_are_counted
                a_turn_past_its_attempts_is_exhausted
                a_journalled_step_resets_the_attempts
                taking_a_turn_up_again_is_no_progress
                a_suspension_resets_the_attempts
            }
            turn {
                steps_are_numbered_in_order
                a_step_applies_its_writes
                messages_outside_a_commit_change_nothing
                a_commit_adds_its_messages_in_order
                a_message_comes_back_as_it_was
                a_commit_settles_founders_and_absorbed
                a_commit_ends_the_turn
                replies_are_read_by_inbound_id
                an_id_that_stands_is_left_as_it_is
                a_commit_changes_the_session
                the_outbox_lists_the_newest_first
                unknown_ids_are_not_found
            }
            absorb {
                messages_and_results_join_a_running_turn
                nothing_joins_where_nothing_waits
                the_journal_names_what_joined
                what_may_not_join_holds_back_the_rest
                rows_of_the_same_worker_join
                control_tells_of_rows_that_would_join
                what_did_not_join_is_leased_next
            }
            stop {
                a_stop_marks_the_running_turn_and_is_settled
                a_stopped_turn_commits
                a_stop_reaches_descendants_only
                a_stop_settles_what_waits_in_descendants
                a_stop_settles_what_waits_in_a_child
                a_stop_does_not_reach_ancestors
                a_stop_never_reaches_a_later_turn
                a_stop_that_finds_nothing_open_stays_a_row
                a_stopped_suspended_turn_is_leased
                a_stopped_orphan_is_leased
            }
            busy {
                a_message_that_does_not_steer_holds_back_the_rest
                a_queued_message_stops_nothing
                an_interrupt_stops_the_turn_and_founds_the_next
                an_interrupt_reaches_descendants_only
                an_interrupt_with_nothing_open_is_a_message
                an_interrupted_suspended_turn_is_leased
                nothing_else_interrupts
            }
            lock {
                a_lock_stops_the_turns_of_all_sessions
                a_lock_sets_its_value
                a_lock_founds_a_turn_of_its_own
                a_lock_of_anybody_else_is_only_a_row
                a_lock_passes_a_back_off
                a_repeated_lock_does_not_lock_again
            }
            clock_set {
                a_turn_stays_with_its_worker
                a_turn_of_a_hung_worker_is_taken_over
                a_source_stays_with_its_worker
                nothing_waits_for_longer
            }
            suspend {
                a_suspension_needs_a_question
                a_suspended_turn_is_leased_by_nobody
                a_suspended_turn_holds_its_session
                a_suspension_applies_its_writes_and_is_journalled
                a_question_survives_its_worker
                a_turn_asks_twice
                what_was_said_meanwhile_joins_afterwards
            }
            approval {
                an_answer_resumes_the_turn
                an_answer_may_come_from_another_session
                an_answer_of_too_low_a_rank_stays_a_row
                an_answer_of_the_least_rank_counts
                a_turn_waits_for_all_its_questions
                an_unanswered_question_expires
                a_late_answer_stays_a_row
                a_second_answer_stays_a_row
                an_answer_to_an_unknown_question_stays_a_row
                a_message_supersedes_open_questions
                nothing_else_supersedes
                questions_are_listed_by_scope
                an_ended_turn_leaves_no_open_question
            }
            fail {
                founders_wait_for_their_retry
                a_failed_turn_is_over
                back_off_holds_the_session_but_not_commands
                a_command_in_back_off_waits
                back_off_leaves_other_sessions_alone
                absorbed_rows_go_back_uncharged
                without_a_retry_founders_are_dead_letters
                founders_die_at_the_limit_of_attempts
                a_failure_applies_its_writes
                a_failure_with_messages_is_invalid
                dead_letters_are_listed_by_scope
                a_redriven_letter_begins_anew
                a_dropped_letter_is_refused
                only_dead_letters_are_redriven_or_dropped
            }
            sending {
                no_chat_is_passed_over
                an_empty_outbox_has_nothing_to_claim
                a_claim_carries_what_sending_needs
                what_a_step_said_is_sent_before_the_commit
                a_message_is_split_once
                parts_of_a_chat_go_in_order
                a_chat_has_one_claim_at_a_time
                chats_are_claimed_side_by_side_up_to_the_limit
                only_named_channels_are_claimed
                a_retried_part_waits_for_its_time
                back_off_holds_one_chat_only
                a_refused_part_ends_its_message
                a_settled_claim_is_stale
                a_claim_of_a_living_worker_stands
            }
            doubt {
                a_part_that_was_never_in_doubt_may_be_sent
                a_dead_workers_part_is_claimed_again_in_doubt
                a_part_may_be_resent_once
                never_and_tell_may_not_be_resent
                an_unknown_end_puts_a_part_in_doubt
                an_unknown_end_of_a_doubted_part_is_final
                a_back_off_adds_no_doubt
                a_draft_without_a_platform_id_is_in_doubt
            }
            undelivered {
                parts_are_read_in_order
                only_what_failed_is_listed
                a_refused_message_is_listed
                an_unknown_part_is_listed
                undelivered_messages_are_listed_in_order
                undelivered_messages_are_listed_by_scope
                a_resent_message_begins_anew
                a_resent_message_waits_for_its_chat
                a_dropped_message_is_listed_no_more
                only_listed_messages_are_resent_or_dropped
                a_deletion_takes_what_could_not_be_delivered
                a_refused_message_still_deletes_its_drafts
            }
            outbox {
                a_pulled_message_is_never_claimed
                a_draft_is_not_claimed
                an_answer_edits_its_drafts
                drafts_left_over_are_deleted
                a_draft_is_taken_over_once
                a_retry_inherits_the_drafts
            }
            overdue {
                rows_that_still_wait_are_overdue
                only_rows_that_wait_are_overdue
                a_row_of_a_living_worker_is_not_overdue
                a_row_behind_a_question_is_not_overdue
                a_row_that_is_given_up_is_settled
                a_row_in_back_off_is_given_up
                a_row_behind_a_turn_is_given_up
                only_a_pending_row_is_given_up
                giving_up_with_anything_else_is_invalid
            }
            backlog {
                an_empty_mailbox_has_no_backlog
                a_backlog_counts_rows_and_turns
                a_backlog_counts_what_is_unsent
            }
            jobs {
                a_job_is_put_replaced_and_removed
                jobs_are_listed_by_owner_and_name
                the_job_due_longest_is_claimed_first
                a_job_of_a_living_worker_is_not_claimed
                a_claim_of_a_dead_worker_is_void
                a_job_fires_once
                an_invalid_fire_changes_nothing
                several_jobs_are_claimed_at_once
                upcoming_jobs_come_in_pages
                a_change_ends_a_claim
                a_job_is_written_without_a_turn
                a_job_is_switched_off_and_on
                released_jobs_are_claimed_again
                the_next_time_is_known
                runs_are_kept_with_their_job
            }
            window {
                an_unknown_session_has_an_empty_window
                a_window_holds_the_history_oldest_first
                a_small_window_holds_the_newest
                the_newest_message_always_fits
                a_window_begins_behind_the_newest_checkpoint
                a_checkpoint_behind_another_is_a_conflict
                a_checkpoint_of_another_epoch_is_a_conflict
                a_fresh_start_deletes_nothing
                a_summary_from_before_a_fresh_start_is_a_conflict
                a_checkpoint_applies_its_writes
                a_checkpoint_can_be_taken_back
                an_unknown_checkpoint_is_not_taken_back
                pages_go_on_where_the_last_one_ended
            }
            sessions {
                a_session_is_known_from_its_first_row_on
                children_are_found_by_their_parent
                pending_rows_are_read_in_order
                a_session_with_two_speakers_is_shared
                the_last_changed_session_comes_first
                a_scope_limits_every_read
                a_scope_limits_taking_away
                search_finds_the_newest_first
                an_import_adds_each_message_once
                an_import_waits_for_the_running_turn
            }
            taking_away {
                a_clear_takes_the_history_and_raises_the_epoch
                an_unknown_session_has_nothing_to_take
                pending_rows_outlive_a_clear
                values_of_a_session_go_with_its_history
                a_running_turn_is_stopped_first
                a_turn_takes_the_oldest_messages_away
                a_summary_of_what_was_trimmed_is_a_conflict
                a_late_commit_is_refused
                a_suspended_turn_is_finalized_after_a_clear
                a_deletion_takes_everything
                a_deletion_leaves_other_sessions_alone
                a_lease_of_a_deleted_session_is_stale
                a_summary_of_a_deleted_session_is_a_conflict
            }
            people {
                what_one_account_had_is_the_others_after_a_join
                parted_accounts_keep_apart_what_comes_later
            }
            kv {
                a_later_value_replaces_an_earlier_one
                a_deleted_value_is_gone
                owners_are_apart
                an_expired_value_does_not_exist
                a_list_is_by_prefix_and_name
                search_looks_at_names_and_values
            }
            usage {
                open_reservations_count_at_their_ceiling
                a_reservation_of_a_dead_job_is_spent_after_a_while
                a_refused_request_reserves_nothing
                a_settled_reservation_counts_at_its_cost
                a_reservation_is_settled_once
                a_limit_counts_its_time_and_its_turn
                a_limit_counts_a_session_with_those_it_started
                an_abandoned_reservation_counts_as_spent
                totals_sum_up_by_group
                totals_keep_to_their_scope
                a_deletion_takes_the_usage
            }
            audit {
                rows_of_a_session_form_a_chain
                an_untouched_log_is_intact
                the_log_outlives_its_session
                rows_about_a_subject_are_listed_newest_first
            }
            memory {
                what_was_said_is_found_by_its_words
                words_of_scripts_without_spaces_are_found
                any_text_is_a_query
                what_holds_more_of_the_words_comes_first
                a_message_is_taken_up_once
                a_scope_limits_recall
                a_shared_session_belongs_to_nobody_alone
                a_group_belongs_to_nobody_alone
                recall_is_narrowed
                what_is_taken_away_is_not_found
                a_tool_result_is_found
                a_file_is_replaced_and_forgotten
                a_note_is_read_by_whom_it_belongs_to
                a_forgotten_message_is_never_found_again
                a_forgotten_index_is_taken_up_anew
                more_than_is_ranked_is_said
            }
            vectors {
                what_lies_near_is_found_the_nearest_first
                a_text_is_given_out_until_it_has_a_vector
                a_text_without_a_vector_is_told
                a_scope_limits_what_is_near
                what_is_near_is_narrowed
                what_went_is_near_nothing
                a_section_that_stays_keeps_its_vector
                another_model_begins_anew
            }
            blob {
                bytes_come_back_by_their_digest
                the_same_bytes_have_one_id
                unknown_bytes_are_not_found
                bytes_outlive_their_worker
            }
            wake {
                a_coalescing_window_tells_when_it_is_over
                nothing_is_due_where_nothing_waits_for_time
                an_accepted_row_wakes_a_waiter
                a_change_between_two_waits_is_not_missed
                a_change_wakes_another_process
                a_stop_wakes_the_lease_holder
                a_dropped_wait_does_no_harm
            }
        }
    };
    ($harness:expr) => {
        $crate::store_contract! { @each tests ($harness) }
    };
}
