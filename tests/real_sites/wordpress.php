<?php
/* What booster/site_side/wordpress/booster-office.php calls of WordPress, and no more, for PHP's own
 * server with several workers. WORDPRESS is the folder of its SQLite file; PLUGIN the plugin.
 * The plugin's SQL is MySQL's: it is said to SQLite in its own words. */
define('ABSPATH', __DIR__);
define('BOOSTER_OFFICE_TOKEN', getenv('TOKEN'));
define('BOOSTER_OFFICE_BRAKE', getenv('WORDPRESS') . '/brake');
if (getenv('RATE')) {
    define('BOOSTER_OFFICE_RATE', (int) getenv('RATE'));
}

class Database {
    public $prefix = 'wp_';
    public $posts = 'wp_posts';
    public $postmeta = 'wp_postmeta';
    private const WORDS = array(
        'ENGINE=InnoDB' => '', 'START TRANSACTION' => 'BEGIN IMMEDIATE', 'INSERT IGNORE' => 'INSERT OR IGNORE',
        'ON DUPLICATE KEY UPDATE' => 'ON CONFLICT DO UPDATE SET', ' FOR UPDATE' => '',
    );
    private $file;
    private $last_id = 0;

    function __construct($path) {
        $this->file = new PDO("sqlite:$path");
        $this->file->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_SILENT);
        $this->file->sqliteCreateFunction('LAST_INSERT_ID', function ($id = null) {
            return $this->last_id = $id ?? $this->last_id;
        });
    }

    function get_charset_collate() {
        return '';
    }

    function prepare($query, ...$values) {
        $quoted = array_map(fn($value) => is_int($value) ? $value : $this->file->quote($value), $values);
        return vsprintf(str_replace('%d', '%s', $query), $quoted);
    }

    function query($query) {
        return $this->file->exec(strtr($query, self::WORDS));
    }

    function get_var($query) {
        $found = $this->file->query($query);
        return $found ? $found->fetchColumn() : null;
    }
}

class WP_REST_Response {
    function __construct(public $data, public $status = 200, public $headers = array()) {
    }
}

class Request implements ArrayAccess {
    function __construct(private $values) {
    }

    function get_header($name) {
        return $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? null;
    }

    function offsetExists($name): bool {
        return isset($this->values[$name]);
    }

    function offsetGet($name): mixed {
        return $this->values[$name] ?? null;
    }

    function offsetSet($name, $value): void {
        $this->values[$name] = $value;
    }

    function offsetUnset($name): void {
        unset($this->values[$name]);
    }
}

$actions = $routes = $activations = array();

function add_action($name, $callback) {
    $GLOBALS['actions'][$name][] = $callback;
}

function do_action($name) {
    foreach ($GLOBALS['actions'][$name] ?? array() as $callback) {
        $callback();
    }
}

function register_activation_hook($file, $callback) {
    $GLOBALS['activations'][] = $callback;
}

function register_rest_route($space, $route, $options) {
    $GLOBALS['routes'][] = array("#^/wp-json/$space$route$#", $options);
}

function get_post($post) {
    global $wpdb;
    return $wpdb->get_var($wpdb->prepare('SELECT ID FROM wp_posts WHERE ID = %d', $post)) ?: null;
}

function get_post_meta($post, $key, $single) {
    global $wpdb;
    $asked = 'SELECT meta_value FROM wp_postmeta WHERE post_id = %d AND meta_key = %s ORDER BY meta_id';
    return $wpdb->get_var($wpdb->prepare($asked, $post, $key));
}

function add_post_meta($post, $key, $value, $unique) {
    global $wpdb;
    if (!$unique || get_post_meta($post, $key, true) === false) {
        $wpdb->query($wpdb->prepare('INSERT INTO wp_postmeta VALUES (NULL, %d, %s, %d)', $post, $key, $value));
    }
}

function wp_cache_delete($key, $group) {
}

function status_header($code) {
    http_response_code($code);
}

function wp_rand($least, $most) {
    return random_int($least, $most);
}

function wp_json_encode($data) {
    return json_encode($data);
}

$wpdb = new Database(getenv('WORDPRESS') . '/db.sqlite3');
require getenv('PLUGIN');
if (PHP_SAPI === 'cli') {  // what activating it does
    foreach ($activations as $callback) {
        $callback();
    }
    exit;
}
do_action('parse_request');
do_action('rest_api_init');
foreach ($routes as [$pattern, $options]) {
    $path = (string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    if ($options['methods'] === $_SERVER['REQUEST_METHOD'] && preg_match($pattern, $path, $found)) {
        $answer = $options['callback'](new Request($found));
        http_response_code($answer->status);
        header('Content-Type: application/json');
        foreach ($answer->headers as $name => $value) {
            header("$name: $value");
        }
        exit($answer->data === null ? '' : json_encode($answer->data));
    }
}
http_response_code(404);
