#!/bin/sh
# The learning runs behind the README's claims, from scratch, one after the other.
#
#   sh benchmarks/reproduce.sh [CLAIM ...]     all of them by default
#
# Runs go to runs/claims/; their small files (configuration, curve, timing) to results/. A run that
# is there already is resumed, so the script can be stopped and started again.
set -eu
cd "$(dirname "$0")/.."

run() { # run CLAIM/NAME METHOD TASK [options]
    name=$1
    shift
    folder=runs/claims/$name
    if [ -e "$folder/config.json" ]; then
        goalrelay resume "$folder"
    else
        goalrelay train "$@" --out "$folder"
    fi
    mkdir -p "results/$name"
    cp "$folder/config.json" "$folder/progress.csv" "$folder/timing.csv" "results/$name/"
}

judge() { # judge CLAIM/NAME: the best policy on 300 episodes that no test saw
    [ -e "results/$1/others.json" ] && return
    figures=$(goalrelay evaluate "runs/claims/$1" --episodes 300 --seed 12345 --json)
    echo "$figures" | tail -n 1 >"results/$1/others.json" # simulators print lines of their own before
}

# Hindsight with relay's learner, so that the method alone is compared.
hindsight="--learner td3 --learner.polyak 0.75 --learner.target-move cycle
    --learner.action-l2 0.1 --collect.updates 80"

bit_flip() { # n = 20 bits, with and without hindsight, all else equal
    for seed in 0 1 2; do
        for strategy in future none; do
            run "bit_flip/$strategy-$seed" her goalrelay/BitFlip-v0 --learner dqn \
                --task-options n=20 --method.strategy "$strategy" --episodes 1000 \
                --evaluate.every 100 --seed "$seed"
        done
    done
}

fetch_reach() { # 0.95 within 5,000 steps and a minute
    for seed in 0 1 2 3 4; do
        run "fetch_reach/seed-$seed" her FetchReach-v4 --until 0.95 --steps 5000 --seed "$seed"
    done
}

fetch_reach_curves() { # the README's picture
    for seed in 0 1 2 3 4; do
        run "fetch_reach_curves/default-$seed" her FetchReach-v4 --episodes 60 \
            --evaluate.every 5 --seed "$seed"
        run "fetch_reach_curves/baselines-$seed" her FetchReach-v4 --episodes 60 \
            --evaluate.every 5 --seed "$seed" --preset baselines
        run "fetch_reach_curves/none-$seed" her FetchReach-v4 --episodes 60 \
            --evaluate.every 5 --seed "$seed" --method.strategy none
    done
}

inverted_double_pendulum() { # flat TD3, a return of 9,000
    for seed in 0 1 2; do
        run "inverted_double_pendulum/seed-$seed" flat InvertedDoublePendulum-v5 --steps 50000 \
            --evaluate.every 50 --evaluate.episodes 10 --evaluate.confirm 20 --seed "$seed"
    done
}

fetch_push_baselines() { # plain HER until Ctrl-C: the line that relay must beat
    run fetch_push_baselines/seed-0 her FetchPush-v4 --preset baselines --steps 5000000 \
        --evaluate.every 250 --evaluate.episodes 50
}

relay_paper() { # the published settings: 0.9 within 1,400 episodes
    for seed in 0 1 2 3 4; do
        run "relay_paper/seed-$seed" relay FetchPush-v4 --preset rher-paper --until 0.9 \
            --episodes 1400 --evaluate.every 50 --seed "$seed"
    done
}

relay_until() { # relay_until NAME TASK [options]: default preset to 0.95 on 100 test episodes, twice
    name=$1 task=$2
    shift 2
    for seed in ${SEEDS:-0 1 2 3 4 5 6 7 8 9}; do
        run "$name/seed-$seed" relay "$task" --until 0.95 --episodes 2500 "$@" --seed "$seed"
        judge "$name/seed-$seed"
    done
}

relay_push() { relay_until relay_push FetchPush-v4; }

relay_pick() { relay_until relay_pick FetchPickAndPlace-v4; }

relay_push_before() { relay_until relay_push_before FetchPush-v4 --method.actual 0; }

relay_pick_before() { relay_until relay_pick_before FetchPickAndPlace-v4 --method.actual 0; }

panda() { # somebody else's tasks (pip install panda-gym): all declared, and two stages alone
    export PYTHONPATH="$PWD/benchmarks${PYTHONPATH:+:$PYTHONPATH}"
    for task in ${TASKS:-PandaPush PandaPickAndPlace}; do
        for variant in ${VARIANTS:-declared stages}; do
            options=""
            [ "$variant" = declared ] || options="--method.symmetries --method.no-translation"
            for seed in ${SEEDS:-0 1 2}; do
                # shellcheck disable=SC2086  # the options are words
                run "panda/$task-$variant/seed-$seed" relay "panda_stages:$task-v3" --until 0.95 \
                    --episodes 1200 $options --seed "$seed"
                judge "panda/$task-$variant/seed-$seed"
            done
        done
    done
}

relay_reach() { # a test every 5 episodes
    for seed in 0 1 2 3 4; do
        run "relay_reach/seed-$seed" relay FetchReach-v4 --until 0.95 --episodes 100 \
            --evaluate.every 5 --seed "$seed"
    done
}

relay_comparison() { # who brings the hand to the object: the paper's comparison, on our learner
    for seed in ${SEEDS:-0 1 2 3 4}; do
        for task in ${TASKS:-FetchPush FetchPickAndPlace}; do
            for variant in ${VARIANTS:-relay controller jump-start unguided her ebp}; do
                relay="relay $task-v4 --method.guidance.lead 0" # who acts is what is compared
                plain="her $task-v4 $hindsight --learner.hidden 128 128 128
                    --evaluate.average 0.9 --method.exploration.random 0.2"
                case $variant in
                relay) method=$relay ;;
                controller) method="$relay --method.guidance.guide controller" ;;
                jump-start) method="$relay --method.guidance.jump-start 25
                    --method.guidance.jump-start-episodes 500" ;;
                unguided) method="$relay --method.guidance.before next" ;;
                her) method=$plain ;;
                ebp) method="$plain --method.priority energy" ;;
                esac
                # shellcheck disable=SC2086  # the options are words
                run "relay_comparison/$variant/$task-$seed" $method --episodes 1000 --until 0.95 \
                    --evaluate.every 50 --seed "$seed"
            done
        done
    done
}

relay_slide() { # strokes are unsuitable, says the paper
    run relay_slide/seed-0 relay FetchSlide-v4 --minutes 20 --evaluate.every 100 \
        --evaluate.episodes 40
    judge relay_slide/seed-0
}

relay_tasks() { # the paper's tasks with one object
    for task in ${TASKS:-FetchDrawer FetchInsert FetchObstaclePush}; do
        for seed in ${SEEDS:-0 1 2}; do
            run "relay_tasks/$task-$seed" relay "goalrelay/$task-v0" --until 0.95 --minutes 40 \
                --evaluate.every 50 --seed "$seed"
            judge "relay_tasks/$task-$seed"
        done
    done
}

her_tasks() { # plain hindsight on all of them, as long as relay's slowest seed (TriplePush: seed 0)
    while read -r task minutes; do
        case " ${TASKS:-$task} " in *" $task "*) ;; *) continue ;; esac
        for seed in ${SEEDS:-0}; do
            # shellcheck disable=SC2086  # the options are words
            run "her_tasks/$task-$seed" her "goalrelay/$task-v0" $hindsight \
                --learner.hidden 128 128 128 --evaluate.average 0.95 \
                --method.exploration.random 0.2 --until 0.95 --minutes "$minutes" \
                --evaluate.every 50 --seed "$seed" </dev/null
        done
    done <<'TASKS'
FetchDrawer 3
FetchInsert 3
FetchObstaclePush 20
FetchDoublePush 33
FetchStack 21
FetchDrawerBox 31
FetchTriplePush 23
FetchTripleStack 29
TASKS
}

relay_several() { # and with two or three
    for task in ${TASKS:-FetchDoublePush FetchStack FetchDrawerBox FetchTriplePush \
        FetchTripleStack}; do
        for seed in ${SEEDS:-0 1 2}; do
            run "relay_several/$task-$seed" relay "goalrelay/$task-v0" --until 0.9 \
                --episodes 8000 --evaluate.every 50 --seed "$seed"
            judge "relay_several/$task-$seed"
        done
    done
}

shown() { # shown FOLDER TASK [options]: a hundred demonstrations, once
    folder=runs/demonstrations/$1
    [ -e "$folder" ] || goalrelay demos generate "$2" --out "$folder" ${3+"$3" "$4"} >&2
    echo "$folder"
}

demos_pick() { # a hundred demonstrations under relay and under hindsight
    data=$(shown pick FetchPickAndPlace-v4)
    for seed in ${SEEDS:-0 1 2 3 4}; do
        for variant in ${VARIANTS:-relay her baselines half cloning}; do
            case $variant in
            relay) options="" ;;
            her) options="--method.base her" ;;
            baselines) options="--preset baselines-demos --evaluate.every 100" ;;
            half | cloning) options="--preset $variant" ;;
            esac
            # shellcheck disable=SC2086  # the options are words
            run "demos_pick/$variant/seed-$seed" demos FetchPickAndPlace-v4 --method.data "$data" \
                --until 0.95 --episodes 600 $options --seed "$seed"
        done
    done
}

demos_pick_none() { # hindsight alone for an hour, with the learner that demos_pick's has
    for seed in ${SEEDS:-0}; do
        # shellcheck disable=SC2086  # the options are words
        run "demos_pick/none/seed-$seed" her FetchPickAndPlace-v4 $hindsight \
            --learner.hidden 256 256 --collect.episodes 2 --evaluate.average 0.95 --until 0.95 \
            --minutes 60 --seed "$seed"
    done
}

demos_imperfect() { # ten; a hundred of which half are random actions; a hundred by a beginner
    task=FetchPickAndPlace-v4
    beginner=runs/demonstrations/beginner
    [ -e $beginner/config.json ] || goalrelay train her $task --episodes 10 --out $beginner
    for seed in ${SEEDS:-0 1}; do
        for variant in ${VARIANTS:-ten random random-unfiltered failing failing-unfiltered}; do
            case $variant in
            ten) options="--method.data $(shown pick $task) --method.episodes 10" ;;
            random*) options="--method.data $(shown pick-half-random $task --random 0.5)" ;;
            failing*) options="--method.data $(shown pick-failing $task --policy $beginner)" ;;
            esac
            case $variant in *-unfiltered) options="$options --learner.cloning.no-q-filter" ;; esac
            # shellcheck disable=SC2086  # the options are words
            run "demos_imperfect/$variant/seed-$seed" demos $task --until 0.95 --episodes 1000 \
                $options --seed "$seed"
        done
    done
}

demos_random() { # nothing but random actions: what the Q-filter is worth
    data=$(shown reach-random FetchReach-v4 --random 1)
    for seed in ${SEEDS:-0 1 2}; do
        for variant in ${VARIANTS:-filtered unfiltered}; do
            options=""
            [ $variant = filtered ] || options=--learner.cloning.no-q-filter
            # shellcheck disable=SC2086  # the options are words
            run "demos_random/$variant/seed-$seed" demos FetchReach-v4 --method.base her \
                --method.data "$data" --episodes 60 --evaluate.every 10 $options --seed "$seed"
        done
    done
}

demos_several() { # a tower of three in 1,000 episodes: without demonstrations, with a hundred, half
    # of them random
    for task in ${TASKS:-FetchTripleStack}; do
        for seed in ${SEEDS:-0 1}; do
            for variant in ${VARIANTS:-demos relay random random-unfiltered}; do
                case $variant in
                demos) data=$(shown "$task" "goalrelay/$task-v0") ;;
                random*) data=$(shown "$task-half-random" "goalrelay/$task-v0" --random 0.5) ;;
                esac
                case $variant in
                relay) method="relay goalrelay/$task-v0" ;;
                *-unfiltered) method="demos goalrelay/$task-v0 --method.data $data
                    --learner.cloning.no-q-filter" ;;
                *) method="demos goalrelay/$task-v0 --method.data $data" ;;
                esac
                # shellcheck disable=SC2086  # the options are words
                run "demos_several/$variant/$task-$seed" $method --until 0.9 --episodes 1000 \
                    --evaluate.every 50 --seed "$seed"
            done
        done
    done
}

point_maze() { # a hierarchy round the corner; two flat learners beside it
    for seed in ${SEEDS:-0 1 2}; do
        for method in ${VARIANTS:-hiro flat her}; do
            run "point_maze/$method-$seed" "$method" goalrelay/PointMazeSparse-v0 --until 0.95 \
                --episodes 2500 --learner td3 --evaluate.confirm 20 --seed "$seed"
        done
    done
}

ant_maze() { # an ant finds its way round a wall: 0.9 within two million steps
    for seed in ${SEEDS:-0 1 2}; do
        run "ant_maze/default-$seed" hiro goalrelay/AntMazeSparse-v0 --until 0.9 --steps 2000000 \
            --evaluate.every 100 --seed "$seed"
    done
}

ant_maze_paper() { # the published settings, dense rewards
    run ant_maze/paper-0 hiro goalrelay/AntMaze-v0 --preset hiro-paper --steps 3000000 \
        --evaluate.every 100
}

ant_tasks() { # push a block aside, fill a chasm: 0.9 within 150 minutes each
    for task in ${TASKS:-AntPush AntFall}; do
        seeds="0 1 2"
        [ "$task" = AntFall ] || seeds="0 1 2 3 4"
        for seed in ${SEEDS:-$seeds}; do
            run "ant_tasks/$task-$seed" hiro "goalrelay/${task}Sparse-v0" --until 0.9 \
                --minutes 150 --evaluate.every 100 --seed "$seed"
        done
    done
}

ant_gather() { # apples, not bombs; a hierarchy and a flat learner, 300,000 steps each
    for seed in ${SEEDS:-0}; do
        for method in ${VARIANTS:-hiro flat}; do
            run "ant_gather/$method-$seed" "$method" goalrelay/AntGather-v0 --learner td3 \
                --steps 300000 --evaluate.every 100 --seed "$seed"
        done
    done
}

notebook() { # docs/notebook.md: the default preset, and the same with one thing changed
    for seed in ${SEEDS:-100 101 102}; do
        for task in ${TASKS:-FetchPush FetchPickAndPlace}; do
            episodes=400
            [ "$task" = FetchPush ] || episodes=600
            common="--episodes $episodes --evaluate.every 50 --evaluate.episodes 40
                --evaluate.confirm 40 --seed $seed"
            while read -r name change; do
                case " ${CHANGES:-$name} " in *" $name "*) ;; *) continue ;; esac
                # shellcheck disable=SC2086  # the options are words
                run "notebook/$name/$task-$seed" relay "goalrelay/$task-v0" $common $change </dev/null
            done <<'CHANGES'
default
moving --method.priority moving
uniform --method.priority uniform
polyak-0.95 --learner.polyak 0.95
one-step --method.n-step 1
no-mirrors --method.symmetries
action-l2-1 --learner.action-l2 1
ddpg --learner ddpg
no-anneal --method.exploration.anneal 0
positions-shown --method.no-translation
absolute-goals --method.encoding absolute --method.no-translation
40-updates --collect.updates 40
hidden-64 --learner.hidden 64 64 64
gamma-0.95 --learner.gamma 0.95
shares --method.shares 0.2 0.8
no-lead --method.guidance.lead 0
CHANGES
        done
    done
}

[ $# -gt 0 ] || set -- bit_flip fetch_reach fetch_reach_curves inverted_double_pendulum \
    fetch_push_baselines relay_paper relay_push relay_pick relay_push_before relay_pick_before \
    relay_reach relay_slide relay_comparison notebook relay_tasks her_tasks relay_several demos_pick demos_pick_none \
    demos_imperfect demos_random demos_several panda point_maze ant_maze ant_maze_paper \
    ant_tasks ant_gather
for claim in "$@"; do "$claim"; done
